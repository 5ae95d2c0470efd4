//! What a page loads stays small, and names nobody else.

use super::FILES;

const SCRIPT_BYTES_MAX: usize = 30 * 1024;
const STYLE_BYTES_MAX: usize = 25 * 1024;

#[test]
fn scripts_and_styles_stay_within_their_budget() {
    let size = |ending: &str| -> usize {
        FILES.iter().filter(|(name, ..)| name.ends_with(ending)).map(|(.., text)| text.len()).sum()
    };
    assert!(size(".js") <= SCRIPT_BYTES_MAX, "{} bytes of scripts", size(".js"));
    assert!(size(".css") <= STYLE_BYTES_MAX, "{} bytes of styles", size(".css"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for (name, _, text) in FILES {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://") && !text.contains("@import"), "{name}");
    }
}
