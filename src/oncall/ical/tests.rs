use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::oncall::zone::Zone;

fn calendar(events: &str) -> Result<Calendar, Fault> {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}\nEND:VCALENDAR\n");
    Calendar::read(text.as_bytes())
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

/// What takes place in 2026 and 2027, as `SUMMARY from until`, by Berlin's clocks.
fn listed(events: &str) -> Vec<String> {
    let events: String =
        events.split("\n\n").map(|event| format!("BEGIN:VEVENT\n{event}\nEND:VEVENT\n")).collect();
    let calendar = calendar(&events).unwrap();
    let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2028-01-01T00:00:00Z".parse().unwrap());
    let told = |at: Timestamp| berlin().local(at).strftime("%m-%d %H:%M").to_string();
    let occurrences = calendar.occurrences(from, until, &berlin()).unwrap();
    occurrences.iter().map(|o| format!("{} {} {}", o.event.summary, told(o.from), told(o.until))).collect()
}

#[test]
fn an_event_is_told_by_the_clock_it_was_written_for() {
    assert_eq!(
        listed("SUMMARY:utc\nDTSTART:20260105T080000Z\nDTEND:20260105T090000Z"),
        ["utc 01-05 09:00 01-05 10:00"]
    );
    assert_eq!(
        listed("SUMMARY:tokyo\nDTSTART;TZID=Asia/Tokyo:20260105T170000\nDURATION:PT1H30M"),
        ["tokyo 01-05 09:00 01-05 10:30"]
    );
    assert_eq!(
        listed("SUMMARY:here\nDTSTART:20260105T090000\nDURATION:P1D"),
        ["here 01-05 09:00 01-06 09:00"]
    );
    assert_eq!(
        listed(
            "SUMMARY:flight\nDTSTART;TZID=Europe/Berlin:20260105T100000\nDTEND;TZID=America/New_York:20260105T060000"
        ),
        ["flight 01-05 10:00 01-05 12:00"]
    );
}

#[test]
fn whole_days_are_days_of_the_reader_and_end_before_the_day_that_is_named_last() {
    assert_eq!(listed("SUMMARY:day\nDTSTART;VALUE=DATE:20261225"), ["day 12-25 00:00 12-26 00:00"]);
    assert_eq!(
        listed("SUMMARY:days\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227"),
        ["days 12-24 00:00 12-27 00:00"]
    );
    // The day on which the clocks are changed has 23 hours.
    assert_eq!(listed("SUMMARY:short\nDTSTART;VALUE=DATE:20260329"), ["short 03-29 00:00 03-30 00:00"]);
}

#[test]
fn a_night_ends_at_its_time_on_the_wall_also_when_the_clocks_are_changed() {
    assert_eq!(
        listed(
            "SUMMARY:n\nDTSTART;TZID=Europe/Berlin:20260327T200000\nDTEND;TZID=Europe/Berlin:20260328T080000\n\
             RRULE:FREQ=DAILY;COUNT=3"
        ),
        ["n 03-27 20:00 03-28 08:00", "n 03-28 20:00 03-29 08:00", "n 03-29 20:00 03-30 08:00"]
    );
    // Skipped in spring: the first instant after the gap. Twice in autumn: the first time.
    assert_eq!(
        listed("SUMMARY:gap\nDTSTART:20260328T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2"),
        ["gap 03-28 02:30 03-28 03:30", "gap 03-29 03:00 03-29 04:00"]
    );
}

#[test]
fn what_recurs_leaves_out_and_takes_in_what_stands_beside_the_rule() {
    assert_eq!(
        listed(
            "SUMMARY:r\nDTSTART;TZID=Europe/Berlin:20260105T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=5\n\
             EXDATE;TZID=Europe/Berlin:20260112T090000\nEXDATE:20260126T080000Z\nEXDATE;VALUE=DATE:20260202\n\
             RDATE;TZID=Europe/Berlin:20260114T100000,20260115T100000\n\
             RDATE;VALUE=PERIOD:20260116T100000Z/PT2H,20260117T100000Z/20260117T103000Z"
        ),
        [
            "r 01-05 09:00 01-05 10:00",
            "r 01-14 10:00 01-14 11:00",
            "r 01-15 10:00 01-15 11:00",
            "r 01-16 11:00 01-16 13:00",
            "r 01-17 11:00 01-17 11:30",
            "r 01-19 09:00 01-19 10:00",
        ]
    );
}

#[test]
fn an_occurrence_may_be_moved_renamed_or_cancelled_alone() {
    assert_eq!(
        listed(
            "UID:1\nSUMMARY:anna\nDTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n\n\
             UID:1\nSUMMARY:bob\nRECURRENCE-ID:20260106T080000Z\nDTSTART:20260109T080000Z\nDURATION:PT2H\n\n\
             UID:1\nSUMMARY:anna\nRECURRENCE-ID;TZID=Europe/Berlin:20260107T090000\nDTSTART:20260107T080000Z\nSTATUS:CANCELLED\n\n\
             UID:2\nSUMMARY:gone\nDTSTART:20260105T080000Z\nSTATUS:CANCELLED"
        ),
        ["anna 01-05 09:00 01-05 10:00", "anna 01-08 09:00 01-08 10:00", "bob 01-09 09:00 01-09 11:00"]
    );
}

#[test]
fn a_change_may_be_meant_for_all_later_ones() {
    assert_eq!(
        listed(
            "UID:1\nSUMMARY:anna\nDTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n\n\
             UID:1\nSUMMARY:bob\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260107T080000Z\nDTSTART:20260107T100000Z\nDURATION:PT2H"
        ),
        [
            "anna 01-05 09:00 01-05 10:00",
            "anna 01-06 09:00 01-06 10:00",
            "bob 01-07 11:00 01-07 13:00",
            "bob 01-08 11:00 01-08 13:00"
        ]
    );
}

#[test]
fn a_zone_of_an_own_name_is_worked_out_from_the_rules_the_calendar_brings() {
    let outlook = "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\n\
        BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
        BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    let event = |day: &str| {
        format!(
            "BEGIN:VEVENT\nDTSTART;TZID=\"W. Europe Standard Time\":{day}T090000\nDURATION:PT1H\nEND:VEVENT"
        )
    };
    let outlooks = calendar(&format!("{outlook}{}\n{}", event("20260105"), event("20260706"))).unwrap();
    for event in &outlooks.events {
        assert_eq!(event.start.instant(&Zone::utc()), berlin().instant(event.start.wall));
    }
    let fixed = "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:-0330\nEND:STANDARD\nEND:VTIMEZONE\n\
        BEGIN:VEVENT\nDTSTART;TZID=Ours:20260105T090000\nEND:VEVENT";
    let at = calendar(fixed).unwrap().events[0].start.instant(&Zone::utc());
    assert_eq!(at.to_string(), "2026-01-05T12:30:00Z");
    let path = "BEGIN:VEVENT\nDTSTART;TZID=/citadel.org/20210210_1/Europe/Berlin:20260105T090000\nEND:VEVENT";
    assert_eq!(calendar(path).unwrap().events[0].start.zone, Some(berlin()));
}

#[test]
fn what_cannot_be_read_is_a_fault_with_its_line_and_never_left_out() {
    let fault =
        |event: &str| calendar(&format!("BEGIN:VEVENT\n{event}\nEND:VEVENT")).unwrap_err().to_string();
    assert!(fault("SUMMARY:x").contains("line 3: this event has no DTSTART"));
    assert!(fault("DTSTART:tomorrow").contains("line 4: `tomorrow` is not a time (DTSTART)"));
    assert!(fault("DTSTART;TZID=Middle/Earth:20260105T090000").contains("`Middle/Earth` is not known"));
    assert!(fault("DTSTART:20260105T090000\nDTEND:20260105T080000").contains("ends before it begins"));
    assert!(fault("DTSTART:20260105T090000\nDURATION:-PT1H").contains("`-PT1H`"));
    assert!(fault("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;BYMOON=1").contains("BYMOON"));
}

#[test]
fn what_is_no_whole_calendar_is_none() {
    let fault = |text: &str| Calendar::read(text.as_bytes()).unwrap_err().kind;
    assert_eq!(fault("<html><body>Please log in"), FaultKind::NoCalendar);
    assert_eq!(fault(""), FaultKind::NoCalendar);
    assert_eq!(fault("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260105"), FaultKind::CutOff);
    assert_eq!(fault(&"BEGIN:VCALENDAR\n".repeat(100_000)), FaultKind::TooDeep);
    let many = "BEGIN:VEVENT\nDTSTART:20260105\nEND:VEVENT\n".repeat(MOST_EVENTS + 1);
    assert_eq!(calendar(&many).unwrap_err().kind, FaultKind::TooMany);
    assert_eq!(Calendar::read(&vec![b'x'; MOST_OCTETS + 1]).unwrap_err().kind, FaultKind::TooLong);
}

#[test]
fn a_calendar_that_would_take_our_time_is_refused() {
    let event = "BEGIN:VEVENT\nDTSTART:19700101T000000\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,15,30,45\nEND:VEVENT\n";
    let calendar = calendar(&event.repeat(1000)).unwrap();
    let (from, until) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2029-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(calendar.occurrences(from, until, &berlin()).unwrap_err().kind, FaultKind::TooMuch);
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = (0..2_000_000_i64, 1..10_000_i64, "\\PC{0,90}", "[a-z,;\\\\ \n]{0,200}", any::<bool>())
        .prop_map(|(minute, minutes, summary, description, attendee)| {
            let from = Timestamp::from_second(1_767_225_600).unwrap() + SignedDuration::from_mins(minute);
            Entry {
                uid: format!("{minute}@nightbell"),
                from,
                until: from + SignedDuration::from_mins(minutes),
                summary: summary.trim().to_owned(),
                description,
                attendee: attendee.then(|| ("Anna \"A\" Schmidt".to_owned(), "anna@acme.example".to_owned())),
            }
        });
    prop::collection::vec(entry, 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_by_us_and_by_another_program(entries in entries()) {
        let text = write("production; all", &entries, Timestamp::UNIX_EPOCH);
        prop_assert!(text.split_inclusive("\r\n").all(|line| line.ends_with("\r\n") && line.len() <= 77));
        let read = Calendar::read(text.as_bytes()).unwrap();
        prop_assert_eq!(read.events.len(), entries.len());
        for (event, entry) in read.events.iter().zip(&entries) {
            prop_assert_eq!((&event.uid, &event.summary), (&entry.uid, &entry.summary));
            prop_assert_eq!(event.start.instant(&Zone::utc()), entry.from);
            prop_assert_eq!(event.attendees.len(), usize::from(entry.attendee.is_some()));
        }
        let theirs = calcard::icalendar::ICalendar::parse(&text).unwrap();
        let expanded = theirs.expand_dates(calcard::common::timezone::Tz::UTC, 1000);
        prop_assert!(expanded.errors.is_empty());
        let mut times: Vec<_> = expanded.events.iter().map(calcard::icalendar::dates::CalendarEvent::timestamps).collect();
        let mut ours: Vec<_> = entries.iter().map(|e| (e.from.as_second(), e.until.as_second())).collect();
        times.sort_unstable();
        ours.sort_unstable();
        prop_assert_eq!(times, ours);
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Calendar::read(&octets);
    }
}
