//! What WCAG asks of every screen, as far as a machine can tell: names, landmarks, contrast, no sideways scrolling.

use serde_json::{Value, json};

use super::browser::Browser;

/// Roles that a person operates, and that need a name.
const OPERATED: [&str; 7] =
    ["button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio"];

/// Texts whose contrast is below 4.5 (3 for large ones), with their ratio; what a text stands on is the first
/// ancestor that is painted.
const CONTRAST: &str = r"
    const light = (c) => { const v = c.map((x) => x / 255).map((x) => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
        return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
    const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
    const ground = (element) => { for (let e = element; e; e = e.parentElement) {
        const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > .99) return c.slice(0, 3); }
        return [255, 255, 255]; };
    const weak = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement;
        if (!walk.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('.hidden, svg, option, title')) continue;
        const style = getComputedStyle(element), size = parseFloat(style.fontSize);
        const [a, b] = [light(parse(style.color).slice(0, 3)), light(ground(element))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        const isLarge = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
        if (ratio < (isLarge ? 3 : 4.5)) weak.push(`${ratio.toFixed(2)} ${walk.currentNode.textContent.trim().slice(0, 40)}`);
    }
    return weak;";

/// What is loaded from elsewhere.
const FOREIGN: &str = "return performance.getEntriesByType('resource').map((one) => one.name)
    .filter((name) => !name.startsWith(location.origin));";

/// Looks at the page that is shown.
pub(super) async fn check(browser: &Browser, what: &str) {
    let tree = browser.tell("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().expect("a tree has nodes");
    let role = |node: &Value| node["role"]["value"].as_str().unwrap_or_default().to_owned();
    let shown = || nodes.iter().filter(|node| node["ignored"] != json!(true));
    for landmark in ["main", "banner", "navigation", "contentinfo", "search"] {
        assert!(shown().any(|node| role(node) == landmark), "{what} has no {landmark}");
    }
    for node in shown().filter(|node| OPERATED.contains(&role(node).as_str())) {
        let name = node["name"]["value"].as_str().unwrap_or_default();
        assert!(!name.trim().is_empty(), "{what}: a {} without a name", role(node));
    }
    let headings = browser.script("return document.querySelectorAll('h1').length").await;
    assert_eq!(headings, json!(1), "{what}: first headings");
    assert_eq!(browser.script(CONTRAST).await, json!([]), "{what}: contrast");
    assert_eq!(browser.script(FOREIGN).await, json!([]), "{what}: loaded from elsewhere");
}

/// Nothing is wider than what it is shown on.
pub(super) async fn check_width(browser: &Browser, what: &str) {
    let beyond = browser
        .script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
        )
        .await;
    assert_eq!(beyond, json!(0), "{what} is wider than its window");
}
