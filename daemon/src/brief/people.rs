//! Who gets the files and who is told.

use super::check::{default_on, settled};
use super::model::{Delivery, Notice, Role, Stakeholder};
use super::text::is_address;
use crate::yaml::{Fields, Mistakes, Node};

const NOTICES: [(&str, Notice); 4] = [
    ("accepted", Notice::Accepted),
    ("approval", Notice::Approval),
    ("delivered", Notice::Delivered),
    ("failed", Notice::Failed),
];

/// Where the files go.
pub(super) fn deliver(node: &Node, m: &mut Mistakes) -> Option<Vec<Delivery>> {
    let items = m.list(node, "a list, like `[{email: producer@agency.example}, {folder: nas}]`")?;
    let mut deliveries = Vec::new();
    let mut right = true;
    for item in items {
        match delivery(item, m) {
            Some(d) if deliveries.contains(&d) => {
                m.push(item.mistake("repeated", "this delivery is there twice").hint("remove one of the two"));
                right = false;
            }
            Some(d) => deliveries.push(d),
            None => right = false,
        }
    }
    right.then_some(deliveries)
}

fn delivery(node: &Node, m: &mut Mistakes) -> Option<Delivery> {
    let mut f = Fields::of(node, "a delivery", m)?;
    let email = f.get("email").map(|n| address(n, m).map(Delivery::Email));
    let webhook = f.get("webhook").map(|n| m.text(n, "the name of a webhook").map(Delivery::Webhook));
    let folder = f.get("folder").map(|n| m.text(n, "the name of a folder").map(Delivery::Folder));
    let misspelt = f.rest().next().is_some();
    f.finish(m);
    let mut given = [email, webhook, folder].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        (None, _) if misspelt => None,
        _ => {
            let mistake = node.mistake("missing-field", "a delivery goes one way");
            m.push(mistake.expected("exactly one of `email`, `webhook` and `folder`"));
            None
        }
    }
}

fn address(node: &Node, m: &mut Mistakes) -> Option<String> {
    let text = m.text(node, "an e-mail address")?;
    if is_address(&text) {
        return Some(text);
    }
    let shown: String = text.chars().take(60).collect();
    let mistake = node.mistake("bad-email", format!("`{shown}` is no e-mail address"));
    m.push(mistake.expected("one plain address, like `client@zest.example`"));
    None
}

/// Who is told.
pub(super) fn stakeholders(node: &Node, m: &mut Mistakes) -> Option<Vec<Stakeholder>> {
    let items = m.list(node, "a list, like `- {email: client@zest.example, on: [delivered]}`")?;
    items.iter().map(|item| stakeholder(item, m)).collect::<Vec<_>>().into_iter().collect()
}

fn stakeholder(node: &Node, m: &mut Mistakes) -> Option<Stakeholder> {
    let mut f = Fields::of(node, "a stakeholder", m)?;
    let email = f.get("email").map(|n| address(n, m));
    let webhook = f.get("webhook").map(|n| m.text(n, "the name of a webhook"));
    let role = f
        .get("role")
        .map_or(Some(Role::default()), |n| m.choice(n, &[("viewer", Role::Viewer), ("approver", Role::Approver)]));
    let on = f.get("on").map_or_else(
        || Some(default_on()),
        |n| {
            let items = m.list(n, "a list of events, like `[delivered, failed]`")?;
            let on: Option<Vec<Notice>> =
                items.iter().map(|item| m.choice(item, &NOTICES)).collect::<Vec<_>>().into_iter().collect();
            let mut on = on?;
            on.sort_unstable();
            on.dedup();
            Some(on)
        },
    );
    let misspelt = f.rest().next().is_some();
    if email.is_some() == webhook.is_some() && !(misspelt && email.is_none()) {
        let mistake = node.mistake("missing-field", "a stakeholder is told one way");
        m.push(mistake.expected("exactly one of `email` and `webhook`"));
    }
    f.finish(m);
    Some(Stakeholder { email: settled(email)?, webhook: settled(webhook)?, role: role?, on: on? })
}
