use super::decode;
use proptest::prelude::*;

use super::files;

#[test]
fn a_file_whose_end_is_missing_is_played_as_far_as_it_goes() {
    for (name, content) in files() {
        let samples = decode(&content[..content.len() * 2 / 3]);
        let len = samples.as_ref().map_or(0, Vec::len);
        // A page of Ogg or the one frame of a short FLAC may be all there is, and AIFF has to be whole.
        let all_or_nothing = ["ogg", "flac", "aiff"].iter().any(|ending| name.ends_with(ending));
        assert!((800..=2000).contains(&len) || all_or_nothing, "{name}: {:?}", samples.map(|_| len));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn damaged_files_are_refused_or_played_but_never_kill(
        which in 0_usize..11,
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        near_the_start in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_, mut content) = files().swap_remove(which);
        let reach = if near_the_start { content.len().min(200) } else { content.len() };
        for (place, octet) in hits {
            content[place.index(reach)] = octet;
        }
        content.truncate(cut.index(content.len()) + 1);
        let _ = decode(&content);
    }
}
