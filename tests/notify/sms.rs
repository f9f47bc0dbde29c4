//! Gateways of text messages: three kinds of them, as their documents have it: a form with name and password (Twilio),
//! JSON with a token (many), and everything in the address (older ones).

use nightbell::incident::{Event, Notice, Party, Recipient};
use nightbell::notify::Target;
use nightbell::notify::exchange::Verdict;

use crate::bench::{Folder, compiled, delivering, hostile, notice, target};
use crate::mail_server::decoded;
use crate::service::{Answer, Service};

const FORM: &str = "body = \"To={{ to }}&From=Nightbell&Body={{ text }}\"\n";

fn gateway(folder: &Folder, service: &Service, more: &str) -> Target {
    folder.file("sms.password", "geheim");
    folder.file("sms.token", "verysecrettoken");
    folder.file("sms.key", "verysecretkey");
    let settings = format!("kind = \"sms\"\nurl = \"{}/send\"\nallow_private = true\n{more}", service.url());
    target(folder, &settings)
}

/// The fields of a form, decoded.
fn fields(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let mut octets = Vec::new();
        let mut rest = text.bytes();
        while let Some(octet) = rest.next() {
            octets.push(match octet {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                octet => octet,
            });
        }
        String::from_utf8(octets).unwrap()
    };
    text.split('&')
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

#[test]
fn a_gateway_that_takes_a_form_gets_one_for_each_number() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(201, "{}")));
    let settings = format!(
        "{FORM}to = [\"+49 151 12345678\", \"+4915187654321\"]\nusername = \"AC0\"\npassword_file = \"sms.password\"\n"
    );
    let target = gateway(&folder, &service, &settings);
    assert_eq!(target.deliver(&notice(Event::Trigger), &delivering(&folder)), Verdict::Delivered);
    let asked = service.asked();
    assert_eq!(asked.len(), 2);
    for (asked, number) in asked.iter().zip(["+4915112345678", "+4915187654321"]) {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/send"));
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
        let shown = asked.header("authorization").unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(decoded(shown), "AC0:geheim");
        assert_eq!(asked.header("idempotency-key"), Some(format!("hotline-c1-trigger-1-{number}").as_str()));
        let fields = fields(std::str::from_utf8(&asked.body).unwrap());
        assert_eq!(fields[0], ("To".to_owned(), number.to_owned()));
        assert_eq!(fields[1], ("From".to_owned(), "Nightbell".to_owned()));
        assert!(
            fields[2]
                .1
                .starts_with("Nobody answered a call to Emergency hotline\nCaller +4915112345678 (Carla)")
        );
        assert!(fields[2].1.chars().count() <= 160);
    }
}

#[test]
fn a_gateway_that_takes_json_gets_json_whatever_a_caller_calls_himself() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(202, "")));
    let settings = "to = [\"+4915112345678\"]\ntoken_file = \"sms.token\"\nheaders = { Content-Type = \"application/json\" }\n\
                    body = '{\"recipients\": [\"{{ to }}\"], \"text\": \"{{ text }}\"}'\nsegments = 4\n";
    let target = gateway(&folder, &service, settings);
    let nasty = Notice {
        title: "Call".to_owned(),
        caller_name: Some(hostile()[..250].to_owned()),
        ..notice(Event::Trigger)
    };
    for told in [notice(Event::Trigger), nasty] {
        assert_eq!(target.deliver(&told, &delivering(&folder)), Verdict::Delivered);
    }
    for asked in service.asked() {
        assert_eq!(asked.header("authorization"), Some("Bearer verysecrettoken"));
        let body = asked.json();
        assert_eq!(body["recipients"][0], "+4915112345678");
        assert!(body["text"].as_str().unwrap().chars().count() <= 4 * 153);
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    }
}

#[test]
fn a_gateway_that_takes_everything_in_the_address_gets_it_there_and_its_key_is_never_shown() {
    let answer = |asked: &crate::service::Asked, _| {
        let repeated: &'static str = Box::leak(format!("bad key in {}", asked.path).into_boxed_str());
        Answer::new(401, repeated)
    };
    let (folder, service) = (Folder::new(), Service::start(answer));
    let settings = "method = \"GET\"\nto = [\"+4915112345678\"]\nsecret_file = \"sms.key\"\n\
                    body = \"key={{ secret }}&to={{ to }}&text={{ text }}\"\n";
    let target = gateway(&folder, &service, settings);
    let verdict = target.deliver(&notice(Event::Resolve), &delivering(&folder));
    assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
    assert!(!format!("{verdict:?}{target:?}").contains("verysecretkey"), "{verdict:?}");
    let asked = service.asked();
    let (path, query) = asked[0].path.split_once('?').unwrap();
    assert_eq!((asked[0].method.as_str(), path), ("GET", "/send"));
    let fields = fields(query);
    assert_eq!(fields[0], ("key".to_owned(), "verysecretkey".to_owned()));
    assert_eq!(fields[1], ("to".to_owned(), "+4915112345678".to_owned()));
    assert!(fields[2].1.starts_with("Resolved by Anna Schmidt: "));
}

#[test]
fn whoever_has_it_does_not_get_it_again_when_another_number_has_to_wait() {
    // The second request is refused for now.
    let (folder, service) =
        (Folder::new(), Service::start(|_, before| Answer::new(if before == 1 { 503 } else { 200 }, "")));
    let target =
        gateway(&folder, &service, &format!("{FORM}to = [\"+4915112345678\", \"+4915187654321\"]\n"));
    let first = target.deliver(&notice(Event::Trigger), &delivering(&folder));
    assert!(matches!(first, Verdict::Later { .. }), "{first:?}");
    assert_eq!(target.deliver(&notice(Event::Trigger), &delivering(&folder)), Verdict::Delivered);
    let numbers: Vec<_> = service
        .asked()
        .iter()
        .map(|asked| fields(std::str::from_utf8(&asked.body).unwrap())[0].1.clone())
        .collect();
    assert_eq!(numbers, ["+4915112345678", "+4915187654321", "+4915187654321"]);
}

#[test]
fn what_is_only_added_costs_no_message() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "")));
    let target = gateway(&folder, &service, &format!("{FORM}to = [\"+4915112345678\"]\n"));
    assert_eq!(target.deliver(&notice(Event::Update), &delivering(&folder)), Verdict::Needless);
    assert!(service.asked().is_empty());
}

#[test]
fn one_person_gets_it_on_the_phone_of_that_person_and_a_desk_phone_gets_none() {
    let (folder, service) = (Folder::new(), Service::start(|_, _| Answer::new(200, "")));
    let target = gateway(&folder, &service, FORM);
    let to = |address: &str| {
        let party = Party { id: "anna".to_owned(), name: "Anna".to_owned(), email: None };
        let to = Some(Recipient { party, address: Some(address.to_owned()) });
        Notice { to, ..notice(Event::Trigger) }
    };
    assert_eq!(target.deliver(&to("+4915100000000"), &delivering(&folder)), Verdict::Delivered);
    let asked = service.asked();
    assert_eq!(fields(std::str::from_utf8(&asked[0].body).unwrap())[0].1, "+4915100000000");
    for (told, why) in [(to("sip:anna@10.1.2.3"), "takes no text messages"), (notice(Event::Trigger), "`to`")]
    {
        match target.deliver(&told, &delivering(&folder)) {
            Verdict::Refused { why: found } => assert!(found.contains(why), "{found}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(service.asked().len(), 1);
}

#[test]
fn what_is_wrong_with_a_gateway_is_told_before_it_is_needed() {
    let folder = Folder::new();
    for (settings, why) in [
        ("body = \"{{ text }}\"\nto = [\"0151 12345678\"]\n", "is no number"),
        ("body = \"{{ txet }}\"\n", "cannot be filled in"),
        ("to = [\"+4915112345678\"]\n", "needs `body`"),
        ("body = \"{{ text }}\"\nsegments = 9\n", "1 to 4 parts"),
    ] {
        let found = compiled(&folder, &format!("kind = \"sms\"\nurl = \"https://sms.example/\"\n{settings}"));
        let found = found.unwrap_err();
        assert!(found.contains(why), "{settings}: {found}");
    }
}
