//! Mail, against a server on a real socket. The letters are read by a parser that is not ours.

use std::fs;
use std::time::Duration;

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders as _};
use nightbell::incident::{Event, Notice, Party, Recipient, Sound};
use nightbell::notify::Target;
use nightbell::notify::exchange::Verdict;

use crate::bench::{Folder, delivering, hostile, notice, target};
use crate::mail_server::{MailServer, Manners, Tls};

/// A target of kind smtp for a server, with more settings.
fn mail(folder: &Folder, server: &MailServer, more: &str) -> Target {
    folder.file("ca.pem", &server.authority);
    folder.file("mail.password", "correct horse");
    target(
        folder,
        &format!(
            "kind = \"smtp\"\nserver = \"localhost:{}\"\nallow_private = true\n\
             from = \"Nightbell <bell@acme.example>\"\n{more}",
            server.address.port()
        ),
    )
}

/// The simplest: to Anna, in the open.
fn to_anna(folder: &Folder, server: &MailServer) -> Target {
    mail(folder, server, "tls = \"none\"\nto = [\"anna@acme.example\"]\n")
}

fn tell(target: &Target, folder: &Folder, notice: &Notice) -> Verdict {
    target.deliver(notice, &delivering(folder))
}

fn later(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Later { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

fn refused(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Refused { why } => why,
        other => panic!("{other:?}"),
    }
}

fn parsed(letter: &[u8]) -> Message<'_> {
    assert!(letter.split(|octet| *octet == b'\n').all(|line| line.len() < 999), "RFC 5322, 2.1.1");
    MessageParser::default().parse(letter).unwrap()
}

fn names(letter: &Message<'_>) -> Vec<String> {
    letter.headers().iter().map(|header| header.name().to_owned()).collect()
}

#[test]
fn a_letter_says_what_happened_in_text_and_in_html_and_carries_the_message_of_the_caller() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let sound: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    fs::create_dir(folder.path().join("recordings")).unwrap();
    fs::write(folder.path().join("recordings/c1.wav"), &sound).unwrap();
    let told = Notice {
        voicemail: Some(Sound { file: "c1.wav".to_owned(), duration_ms: 64_400, truncated: false }),
        transcript: None,
        ..notice(Event::Trigger)
    };
    assert_eq!(tell(&to_anna(&folder, &server), &folder, &told), Verdict::Delivered);
    let [taken] = server.taken().try_into().unwrap();
    assert_eq!((taken.from.as_str(), taken.to), ("bell@acme.example", vec!["anna@acme.example".to_owned()]));
    let letter = parsed(&taken.letter);
    assert_eq!(letter.subject(), Some(format!("[critical] {}", told.title).as_str()));
    assert_eq!(letter.from().unwrap().first().unwrap().name(), Some("Nightbell"));
    assert_eq!(letter.to().unwrap().first().unwrap().address(), Some("anna@acme.example"));
    assert!(letter.date().is_some());
    assert_eq!(letter.header("Auto-Submitted"), Some(&HeaderValue::Text("auto-generated".into())));
    let text = letter.body_text(0).unwrap().into_owned();
    for part in
        [&told.title, "Caller: +4915112345678 (Carla)", "Message: 1 min 5 s", "Assigned: Anna Schmidt, Bob"]
    {
        assert!(text.contains(part), "{text}");
    }
    let html = letter.body_html(0).unwrap().into_owned();
    assert!(html.contains("<td>Caller</td><td>+4915112345678 (Carla)</td>"), "{html}");
    let attached: Vec<_> = letter.attachments().collect();
    let [file] = attached.as_slice() else { panic!("{attached:?}") };
    assert_eq!(file.attachment_name(), Some("c1.wav"));
    assert_eq!(file.content_type().unwrap().subtype(), Some("wav"));
    assert_eq!(file.contents(), sound, "octet by octet");
}

#[test]
fn letters_of_an_incident_are_one_thread_and_each_has_a_name_of_its_own() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let target = to_anna(&folder, &server);
    for event in [Event::Trigger, Event::Acknowledge, Event::Update, Event::Resolve] {
        assert_eq!(tell(&target, &folder, &notice(event)), Verdict::Delivered);
    }
    let taken = server.taken();
    let letters: Vec<_> = taken.iter().map(|taken| parsed(&taken.letter)).collect();
    let ids: std::collections::BTreeSet<_> =
        letters.iter().map(|letter| letter.message_id().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    for (n, letter) in letters.iter().enumerate() {
        assert_eq!(letter.references().as_text(), Some("hotline-c1@acme.example"), "letter {n}");
        assert_eq!(letter.in_reply_to().as_text().is_some(), n > 0, "letter {n}");
        assert_eq!(letter.thread_name(), letters.first().unwrap().thread_name(), "letter {n}");
    }
    assert!(letters.get(3).unwrap().body_text(0).unwrap().starts_with("Resolved by Anna Schmidt: "));
}

#[test]
fn what_a_caller_calls_himself_is_neither_a_header_nor_html_nor_a_second_letter() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let target = to_anna(&folder, &server);
    let nasty = Notice {
        title: hostile(),
        text: format!("{}\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n", hostile()),
        caller_name: Some(hostile()),
        transcript: Some(hostile()),
        ..notice(Event::Trigger)
    };
    assert_eq!(tell(&target, &folder, &notice(Event::Trigger)), Verdict::Delivered);
    assert_eq!(tell(&target, &folder, &nasty), Verdict::Delivered);
    let taken = server.taken();
    let [plain, nasty] = taken.as_slice() else { panic!("{}", taken.len()) };
    assert_eq!(names(&parsed(&nasty.letter)), names(&parsed(&plain.letter)));
    assert_eq!(nasty.to, ["anna@acme.example"]);
    let letter = parsed(&nasty.letter);
    assert!(letter.subject().unwrap().chars().count() <= 220);
    assert!(!letter.body_html(0).unwrap().contains("<script"));
}

#[test]
fn after_starttls_nothing_but_the_greeting_was_said_in_the_open() {
    let manners = Manners { tls: Tls::Asked, login: Some(("bell", "correct horse")), ..Manners::default() };
    let (folder, server) = (Folder::new(), MailServer::start(manners));
    let settings = "to = [\"anna@acme.example\"]\nca_file = \"ca.pem\"\nusername = \"bell\"\npassword_file = \"mail.password\"\n";
    assert_eq!(tell(&mail(&folder, &server, settings), &folder, &notice(Event::Trigger)), Verdict::Delivered);
    let [taken] = server.taken().try_into().unwrap();
    assert!(taken.encrypted);
    assert_eq!(taken.login, Some(("bell".to_owned(), "correct horse".to_owned())));
    assert_eq!(server.ledger.lock().unwrap().in_the_open, "EHLO acme.example\nSTARTTLS\n");
}

#[test]
fn a_server_that_speaks_tls_from_the_first_byte_on_is_spoken_to_in_the_same_way() {
    let (folder, server) =
        (Folder::new(), MailServer::start(Manners { tls: Tls::AtOnce, ..Manners::default() }));
    let settings = "tls = \"tls\"\nto = [\"anna@acme.example\"]\nca_file = \"ca.pem\"\n";
    assert_eq!(tell(&mail(&folder, &server, settings), &folder, &notice(Event::Trigger)), Verdict::Delivered);
    assert!(server.taken().iter().all(|taken| taken.encrypted));
}

#[test]
fn where_no_encryption_is_offered_nothing_is_sent() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let target = mail(&folder, &server, "to = [\"anna@acme.example\"]\n");
    let verdict = tell(&target, &folder, &notice(Event::Trigger));
    assert_eq!(later(&verdict), "the mail server offers no encryption (STARTTLS)");
    assert!(server.named().is_empty());
}

#[test]
fn a_certificate_of_somebody_else_or_for_another_name_is_not_taken() {
    let settings = "to = [\"anna@acme.example\"]\n";
    let with_authority = format!("{settings}ca_file = \"ca.pem\"\n");
    for (name, settings, why) in
        [("localhost", settings, "authority"), ("mail.evil.example", with_authority.as_str(), "another name")]
    {
        let manners = Manners { tls: Tls::Asked, name, ..Manners::default() };
        let (folder, server) = (Folder::new(), MailServer::start(manners));
        let verdict = tell(&mail(&folder, &server, settings), &folder, &notice(Event::Trigger));
        assert!(later(&verdict).contains(why), "{verdict:?}");
        assert!(server.named().is_empty());
    }
}

#[test]
fn a_server_that_wants_it_again_later_gets_it_later() {
    let recipient = |_: &str, times| if times < 3 { "450 4.2.0 Greylisted, come back" } else { "250 Ok" };
    let (folder, server) = (Folder::new(), MailServer::start(Manners { recipient, ..Manners::default() }));
    let target = to_anna(&folder, &server);
    for _ in 0..2 {
        let verdict = tell(&target, &folder, &notice(Event::Trigger));
        assert_eq!(later(&verdict), "the mail server answered 450: 4.2.0 Greylisted, come back");
    }
    assert_eq!(tell(&target, &folder, &notice(Event::Trigger)), Verdict::Delivered);
    assert_eq!(server.taken().len(), 1);
}

#[test]
fn who_has_to_wait_gets_the_letter_later_and_the_others_have_it_once() {
    let recipient = |to: &str, times| match (to, times) {
        ("bob@acme.example", 1) => "451 4.7.1 Try again",
        _ => "250 Ok",
    };
    let (folder, server) = (Folder::new(), MailServer::start(Manners { recipient, ..Manners::default() }));
    let target =
        mail(&folder, &server, "tls = \"none\"\nto = [\"anna@acme.example\", \"Bob <bob@acme.example>\"]\n");
    later(&tell(&target, &folder, &notice(Event::Trigger)));
    assert_eq!(tell(&target, &folder, &notice(Event::Trigger)), Verdict::Delivered);
    let taken: Vec<_> = server.taken().into_iter().map(|taken| taken.to).collect();
    assert_eq!(taken, [vec!["anna@acme.example".to_owned()], vec!["bob@acme.example".to_owned()]]);
    let letters = server.taken();
    let ids: Vec<_> =
        letters.iter().map(|taken| parsed(&taken.letter).message_id().unwrap().to_owned()).collect();
    assert_eq!(ids.first(), ids.get(1), "the same letter");
}

#[test]
fn one_address_that_is_wrong_keeps_nobody_else_from_being_told() {
    let recipient = |to: &str, _| if to.starts_with("gone") { "550 5.1.1 No such user" } else { "250 Ok" };
    let (folder, server) = (Folder::new(), MailServer::start(Manners { recipient, ..Manners::default() }));
    let both =
        mail(&folder, &server, "tls = \"none\"\nto = [\"gone@acme.example\", \"anna@acme.example\"]\n");
    assert_eq!(tell(&both, &folder, &notice(Event::Trigger)), Verdict::Delivered);
    assert_eq!(server.taken().first().unwrap().to, ["anna@acme.example"]);
    let alone = mail(&folder, &server, "tls = \"none\"\nto = [\"gone@acme.example\"]\n");
    let verdict = tell(&alone, &folder, &notice(Event::Trigger));
    assert_eq!(refused(&verdict), "the mail server answered 550: 5.1.1 No such user");
}

#[test]
fn a_wrong_password_is_refused_and_shown_to_nobody() {
    let manners = Manners { tls: Tls::Asked, login: Some(("bell", "another")), ..Manners::default() };
    let (folder, server) = (Folder::new(), MailServer::start(manners));
    let settings = "to = [\"anna@acme.example\"]\nca_file = \"ca.pem\"\nusername = \"bell\"\npassword_file = \"mail.password\"\n";
    let target = mail(&folder, &server, settings);
    let verdict = tell(&target, &folder, &notice(Event::Trigger));
    assert_eq!(refused(&verdict), "the mail server answered 535: 5.7.8 Error: authentication failed: ***");
    assert!(!format!("{target:?}").contains("correct horse"));
}

#[test]
fn whatever_breaks_off_is_tried_again() {
    for cut_at in ["EHLO", "MAIL", "RCPT", "DATA", "LETTER"] {
        let (folder, server) =
            (Folder::new(), MailServer::start(Manners { cut_at: Some(cut_at), ..Manners::default() }));
        let verdict = tell(&to_anna(&folder, &server), &folder, &notice(Event::Trigger));
        assert!(
            later(&verdict).contains("mail server") || later(&verdict).contains("connection"),
            "{cut_at}: {verdict:?}"
        );
    }
    // What is taken is taken, however it ends.
    let (folder, server) =
        (Folder::new(), MailServer::start(Manners { cut_at: Some("QUIT"), ..Manners::default() }));
    assert_eq!(tell(&to_anna(&folder, &server), &folder, &notice(Event::Trigger)), Verdict::Delivered);
}

#[test]
fn a_server_that_says_nothing_or_is_not_there_is_tried_again() {
    let (folder, server) =
        (Folder::new(), MailServer::start(Manners { silent_at: Some("RCPT"), ..Manners::default() }));
    let slow = mail(&folder, &server, "tls = \"none\"\nto = [\"anna@acme.example\"]\ntimeout = \"1s\"\n");
    assert_eq!(slow.timeout, Duration::from_secs(1));
    assert_eq!(later(&tell(&slow, &folder, &notice(Event::Trigger))), "the mail server took too long");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        "kind = \"smtp\"\nserver = \"127.0.0.1:{free}\"\ntls = \"none\"\nallow_private = true\n\
         from = \"bell@acme.example\"\nto = [\"anna@acme.example\"]\n"
    );
    let verdict = tell(&target(&folder, &settings), &folder, &notice(Event::Trigger));
    assert_eq!(later(&verdict), "the mail server cannot be reached");
}

#[test]
fn a_server_on_this_machine_is_spoken_to_only_where_that_is_allowed() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let settings = format!(
        "kind = \"smtp\"\nserver = \"localhost:{}\"\nfrom = \"bell@acme.example\"\nto = [\"anna@acme.example\"]\n",
        server.address.port()
    );
    let verdict = tell(&target(&folder, &settings), &folder, &notice(Event::Trigger));
    assert!(later(&verdict).contains("allow_private"), "{verdict:?}");
    assert_eq!(server.ledger.lock().unwrap().in_the_open, "");
}

#[test]
fn a_message_too_big_for_the_settings_or_the_server_is_spoken_of_instead() {
    for (longest, limit) in [(usize::MAX, "attach_limit = \"8 KiB\"\n"), (20_000, "")] {
        let (folder, server) = (Folder::new(), MailServer::start(Manners { longest, ..Manners::default() }));
        fs::create_dir(folder.path().join("recordings")).unwrap();
        fs::write(folder.path().join("recordings/c1.wav"), vec![7; 40_000]).unwrap();
        let settings = format!("tls = \"none\"\nto = [\"anna@acme.example\"]\n{limit}");
        let told = Notice { transcript: None, ..notice(Event::Trigger) };
        assert_eq!(tell(&mail(&folder, &server, &settings), &folder, &told), Verdict::Delivered);
        let taken = server.taken();
        let letter = parsed(&taken.last().unwrap().letter);
        assert_eq!(letter.attachment_count(), 0);
        let text = letter.body_text(0).unwrap();
        assert!(
            text.contains("that a letter may carry") || text.contains("too big for the mail server"),
            "{text}"
        );
        assert!(text.contains("https://wiki.acme.example/calls/c1"), "where to hear it: {text}");
    }
}

#[test]
fn a_notice_for_one_person_goes_to_that_person_alone() {
    let (folder, server) = (Folder::new(), MailServer::start(Manners::default()));
    let party = Party {
        id: "zoe".to_owned(),
        name: "Zoë Müller".to_owned(),
        email: Some("zoe@acme.example".to_owned()),
    };
    let told = Notice { to: Some(Recipient { party, address: None }), ..notice(Event::Trigger) };
    assert_eq!(tell(&to_anna(&folder, &server), &folder, &told), Verdict::Delivered);
    let [taken] = server.taken().try_into().unwrap();
    assert_eq!(taken.to, ["zoe@acme.example"]);
    assert_eq!(parsed(&taken.letter).to().unwrap().first().unwrap().name(), Some("Zoë Müller"));
}
