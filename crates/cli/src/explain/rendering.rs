//! What `explain` found as a picture in the terminal.

use anstream::println;
use anstyle::{AnsiColor, Style};

use super::diff::{ChangeKind, Difference, plain};
use super::explanation::{Explanation, Remedies, Switched};
use super::fields::Path;
use super::left_out::Why;
use super::rows::{Row, rows};
use super::seen::{Request, Seen, Verdict};
use super::{About, Explained, Said};
use crate::output::{BOLD, DIM, ERROR, OK, WARN, escape_control, wrapped};

const GREEN: Style = AnsiColor::Green.on_default();

/// The most that is shown of one value.
const VALUE: usize = 36;
/// Requests of one kind that are shown; an order may have hundreds of lines.
const ALIKE: usize = 5;

/// One file with its messages.
pub(super) fn file(file: &Explained) {
    println!("\n{BOLD}{}{BOLD:#}", escape_control(&file.name));
    if let Some(refused) = &file.refused {
        println!("  {WARN}Segment is told {refused}{WARN:#}");
        if !file.messages.is_empty() {
            println!("  {DIM}Below: what would become of it with a signature that fits.{DIM:#}");
        }
    }
    if file.messages.is_empty() && file.refused.is_none() {
        println!("  no messages");
    }
    for (at, message) in file.messages.iter().enumerate() {
        self::message(at, message);
    }
}

fn message(at: usize, about: &About) {
    let [kind, event, id] = about
        .titles
        .each_ref()
        .map(|title| title.as_deref().unwrap_or_default());
    let id = if id.is_empty() {
        String::new()
    } else {
        format!("  {}", escape_control(id))
    };
    let title = escape_control(&format!("message {at}  {kind} {event}"));
    println!("\n  {BOLD}{}{BOLD:#}{DIM}{id}{DIM:#}", title.trim_end());
    match &about.said {
        Said::Explanation(explanation) => self::explanation(explanation),
        Said::Difference(difference) => self::difference(difference),
        Said::Untried { seen, problem } => {
            verdict_and_notes(seen);
            println!("  {WARN}its fields cannot be tried{WARN:#}: {problem}");
        }
    }
}

fn explanation(it: &Explanation) {
    verdict_and_notes(&it.seen);
    let mut shown: Vec<(&Request, usize)> = Vec::new();
    let mut alike = 0;
    for (at, request) in it.seen.requests.iter().enumerate() {
        let first = shown
            .iter()
            .find(|(other, _)| is_alike(other, request))
            .map(|(_, at)| *at);
        alike += usize::from(first.is_some());
        if alike < ALIKE {
            self::request(it, at, request, first);
        }
        shown.push((request, at));
    }
    if alike >= ALIKE {
        println!("\n  {DIM}… and {} more like them{DIM:#}", alike + 1 - ALIKE);
    }
    left_out(it);
    decided_by(it);
    remedies(it);
}

fn verdict_and_notes(seen: &Seen) {
    verdict(&seen.verdict, seen.requests.len());
    for note in &seen.warnings {
        println!(
            "  {WARN}{}{WARN:#}: {}",
            note.reason(),
            escape_control(&note.to_string())
        );
    }
}

fn verdict(verdict: &Verdict, requests: usize) {
    let style = style_of(verdict);
    let what = match (verdict.is_sent(), requests) {
        (true, 1) => ": 1 request".to_owned(),
        (true, count) => format!(": {count} requests"),
        (false, _) => format!(
            ": {}",
            escape_control(verdict.detail.as_deref().unwrap_or_default())
        ),
    };
    println!("  {style}{verdict}{style:#}{what}");
}

fn style_of(verdict: &Verdict) -> Style {
    match verdict.outcome {
        "sent" => OK,
        "ignored" => WARN,
        _ => ERROR,
    }
}

/// Whether two requests say the same kind of thing, as the lines of an order do.
fn is_alike(one: &Request, other: &Request) -> bool {
    one.call == other.call && one.title().is_some() && one.title() == other.title()
}

/// One request. Of one that is like an earlier one only what is other is shown.
fn request(it: &Explanation, at: usize, request: &Request, first: Option<usize>) {
    let title = request
        .title()
        .map(|title| format!("  {title}"))
        .unwrap_or_default();
    let like = first
        .map(|first| format!("  like {}", first + 1))
        .unwrap_or_default();
    println!(
        "\n  {}. {BOLD}{}{BOLD:#}{title}{DIM}{like}{DIM:#}",
        at + 1,
        request.call
    );
    let (rows, unchanged) = rows(it, at, request);
    let earlier = first.and_then(|first| it.seen.requests.get(first));
    let is_other = |row: &&Row| {
        earlier.is_none_or(|earlier| {
            !row.is_property && earlier.rows.get(&row.path).map(plain) != Some(row.value.clone())
        })
    };
    let shown: Vec<&Row> = rows.iter().filter(is_other).collect();
    let name = |row: &Row| {
        if row.is_property {
            format!("  {}", row.name)
        } else {
            row.name.clone()
        }
    };
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let names = widest(&mut shown.iter().map(|row| name(row).chars().count()));
    let values = widest(&mut shown.iter().map(|row| cut(&row.value).chars().count()));
    let mut in_properties = false;
    for row in shown {
        if row.is_property && !in_properties {
            println!("     properties");
            in_properties = true;
        }
        let (name, value) = (name(row), cut(&row.value));
        let instead = row
            .instead_of
            .as_ref()
            .map(|other| format!(", rather than {other}"))
            .unwrap_or_default();
        println!(
            "     {name:names$}  {GREEN}{value:values$}{GREEN:#}  ← {}{DIM}{instead}{DIM:#}",
            row.source
        );
    }
    if first.is_some() {
        return;
    }
    for (parent, names) in unchanged {
        let text = format!(
            "{} unchanged from {parent}: {}",
            names.len(),
            names.join(", ")
        );
        println!(
            "{DIM}{}{DIM:#}",
            wrapped(&text, if in_properties { 7 } else { 5 })
        );
    }
}

fn cut(value: &str) -> String {
    let is_short = value.chars().count() <= VALUE;
    if is_short {
        value.to_owned()
    } else {
        value.chars().take(VALUE - 1).chain(['…']).collect()
    }
}

fn left_out(it: &Explanation) {
    let said: Vec<_> = it
        .left_out
        .iter()
        .filter(|(_, why)| !matches!(why, Why::Unread | Why::Empty))
        .collect();
    let names = |which: &Why| {
        let paths = it
            .left_out
            .iter()
            .filter(|(_, why)| why == which)
            .map(|(path, _)| path.clone());
        together(&paths.collect::<Vec<_>>(), &it.fields).join(", ")
    };
    let (empty, unread) = (names(&Why::Empty), names(&Why::Unread));
    if said.is_empty() && empty.is_empty() && unread.is_empty() {
        return;
    }
    println!("\n  {BOLD}left out{BOLD:#}");
    let width = said
        .iter()
        .map(|(path, _)| path.to_string().chars().count())
        .max()
        .unwrap_or_default();
    for (path, why) in said {
        println!("     {:width$}  {why}", path.to_string());
    }
    for (what, names) in [("empty", empty), ("no rule reads", unread)] {
        if !names.is_empty() {
            println!("{DIM}{}{DIM:#}", wrapped(&format!("{what}: {names}"), 5));
        }
    }
}

/// The names of these fields; where they are everything below a key, the key speaks for them.
fn together(chosen: &[Path], all: &[Path]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for path in chosen {
        let above =
            (1..path.0.len()).map(|length| Path(path.0.iter().take(length).cloned().collect()));
        let is_whole = |above: &Path| {
            let mut below = all.iter().filter(|path| above.holds(path));
            below.clone().count() > 1 && below.all(|path| chosen.contains(path))
        };
        let whole = above.into_iter().find(is_whole);
        let name = whole.map_or_else(|| path.to_string(), |above| format!("{above}.*"));
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

fn decided_by(it: &Explanation) {
    if it.switches.is_empty() && it.decisive.is_empty() {
        return;
    }
    println!("\n  {BOLD}decided by{BOLD:#}");
    let shown = |value: &str| {
        if value.is_empty() {
            "not set".to_owned()
        } else {
            value.to_owned()
        }
    };
    for path in &it.decisive {
        let value = path.find(&it.message).map(plain).unwrap_or_default();
        println!("     {path} {GREEN}{}{GREEN:#}", cut(&value));
    }
    for Switched {
        name,
        value,
        instead,
        difference,
    } in &it.switches
    {
        let text = format!("{}: {}", shown(instead), difference.in_short().join(", "));
        println!("     {name}={GREEN}{value}{GREEN:#}");
        println!("{DIM}{}{DIM:#}", wrapped(&text, 7));
    }
}

fn remedies(it: &Explanation) {
    let settings = it.remedies.settings.iter().map(|settings| {
        let pairs: Vec<_> = settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("with {}", pairs.join(" and "))
    });
    let Remedies {
        without,
        with_another_value,
        ..
    } = &it.remedies;
    let fields = |holds: &dyn Fn(&Path) -> bool, words: &dyn Fn(String) -> String| -> Vec<String> {
        let chosen: Vec<_> = it
            .fields
            .iter()
            .filter(|path| holds(path))
            .cloned()
            .collect();
        together(&chosen, &it.fields)
            .into_iter()
            .map(words)
            .collect()
    };
    let (out, other) = (
        |path: &Path| without.contains(path),
        |path: &Path| with_another_value.contains(path),
    );
    let both = fields(&|path| out(path) && other(path), &|name| {
        format!("without {name}, or with another value in it")
    });
    let only_out = fields(&|path| out(path) && !other(path), &|name| {
        format!("without {name}")
    });
    let only_other = fields(&|path| !out(path) && other(path), &|name| {
        format!("with another value in {name}")
    });
    let remedies: Vec<_> = settings
        .chain(both)
        .chain(only_out)
        .chain(only_other)
        .collect();
    if remedies.is_empty() {
        return;
    }
    println!("\n  {BOLD}it would be sent{BOLD:#}");
    for remedy in remedies {
        println!("     {remedy}");
    }
}

fn difference(it: &Difference) {
    if it.is_none() {
        println!("  {DIM}no difference{DIM:#}");
        return;
    }
    if let Some((before, after)) = &it.verdict {
        let (was, is) = (style_of(before), style_of(after));
        println!(
            "  {was}{before}{was:#} → {is}{after}{is:#}  {}",
            escape_control(after.detail.as_deref().unwrap_or_default())
        );
    }
    for (style, sign, requests) in [(ERROR, '−', &it.removed), (OK, '+', &it.added)] {
        requests
            .iter()
            .for_each(|request| println!("  {style}{sign} {request}{style:#}"));
    }
    let mut request = None;
    let width = it
        .changes
        .iter()
        .map(|change| change.attribute.to_string().chars().count())
        .max()
        .unwrap_or_default();
    for change in &it.changes {
        if request.replace(change.at) != Some(change.at) {
            println!("  {BOLD}{}{BOLD:#}", change.request);
        }
        let style = match change.way() {
            ChangeKind::Added => OK,
            ChangeKind::Removed => ERROR,
            ChangeKind::Changed => WARN,
        };
        let value =
            |value: &Option<serde_json::Value>| value.as_ref().map(|value| cut(&plain(value)));
        let values: Vec<_> = [value(&change.before), value(&change.after)]
            .into_iter()
            .flatten()
            .collect();
        let name = change.attribute.to_string();
        println!(
            "    {style}{} {name:width$}  {}{style:#}",
            change.way().sign(),
            values.join(" → ")
        );
    }
    if let Some((before, after)) = &it.warnings {
        println!("  warnings: {} → {}", before.join(", "), after.join(", "));
    }
}
