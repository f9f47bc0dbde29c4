//! A certificate authority of the tests' own, and a certificate of it.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Files in PEM, in a folder of their own.
pub struct Certificate {
    folder: PathBuf,
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The key and the certificate behind it, as baresip wants them.
    pub both: PathBuf,
}

impl Certificate {
    /// A certificate for these names and addresses.
    pub fn issue(names: &[&str]) -> Self {
        let folder = crate::foreign::folder("certificate", crate::foreign::free_ports());
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_key = KeyPair::generate().unwrap();
        let root = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap().pem();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            authority: write("authority.pem", root),
            both: write("both.pem", format!("{}{leaf}", key.serialize_pem())),
            key: write("key.pem", key.serialize_pem()),
            certificate: write("certificate.pem", leaf),
            folder,
        }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
