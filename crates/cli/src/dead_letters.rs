//! `dead-letters`: the messages that Klaviyo never got. Why each is there, what would become of it
//! now, and the way back.

mod arguments;
mod letter;
mod queue;
mod rendering;
mod selection;
mod source;
mod verdict;

use time::OffsetDateTime;

pub(crate) use arguments::Arguments;
use arguments::{Action, Change, Listing};
use letter::DeadLetter;
use queue::{DeadLetterQueue, Fate};
use selection::Selection;
use source::{DeadLetterSource, Source};
use verdict::Judge;

use crate::setting_arguments::SettingArguments;
use crate::{explain, input, output};

/// Runs one of the actions. Returns whether everything that was selected is done.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    match arguments.action {
        Action::List(listing) => {
            let found = Found::read(&listing.source, &listing.settings).await?;
            let letters = found.selected(&listing.selection);
            if listing.json {
                let documents: Vec<_> = letters.iter().map(|letter| letter.json()).collect();
                output::line(&output::json(&documents));
            } else {
                rendering::print_list(&found.name, found.letters.len(), &letters);
            }
            Ok(true)
        }
        Action::Show(listing) => show(listing).await,
        Action::Explain(listing) => explain(listing).await,
        Action::Retry(change) => redrive(change, Fate::Retry).await,
        Action::Drop(arguments) => {
            let fate = if arguments.yes {
                Fate::Drop
            } else {
                Fate::Keep
            };
            redrive(arguments.change, fate).await
        }
    }
}

/// Takes the selected ones out of the queue. Returns whether all of them are.
async fn redrive(change: Change, fate: Fate) -> Result<bool, String> {
    change.selection.require()?;
    let judge = Judge::new(&change.settings).await?;
    let mut queue = DeadLetterQueue::connect(change.queue.urls(&change.settings)?)?;
    let report = queue.take(&change.selection, &judge, fate).await?;
    rendering::print_change(queue.name(), fate, &report);
    Ok(report.is_clean())
}

/// The dead letters of a source, with what would become of each.
struct Found {
    /// The name of the queue or files.
    name: String,
    letters: Vec<DeadLetter>,
}

impl Found {
    async fn read(source: &DeadLetterSource, settings: &SettingArguments) -> Result<Self, String> {
        let judge = Judge::new(settings).await?;
        let (name, messages) = match source.find(settings)? {
            Source::Files(files) => {
                let mut messages = Vec::new();
                let mut names = Vec::new();
                for file in input::read_files(&files)? {
                    for item in file.items {
                        match item {
                            input::Item::Queued(message) => messages.push(message),
                            input::Item::Message(_) | input::Item::Event(_) => {
                                return Err(format!(
                                    "{}: holds something else than messages of a queue",
                                    file.name
                                ));
                            }
                        }
                    }
                    names.push(file.name);
                }
                (names.join(", "), messages)
            }
            Source::Queue(urls) => {
                let mut queue = DeadLetterQueue::connect(urls)?;
                let messages = queue.peek(source.limit).await?;
                (queue.name().to_owned(), messages)
            }
        };
        let mut letters = Vec::new();
        for message in messages {
            letters.push(DeadLetter::new(message, &judge).await);
        }
        Ok(Found { name, letters })
    }

    fn selected(&self, selection: &Selection) -> Vec<&DeadLetter> {
        let letters = self.letters.iter();
        letters.filter(|letter| selection.matches(letter)).collect()
    }
}

async fn show(listing: Listing) -> Result<bool, String> {
    let found = Found::read(&listing.source, &listing.settings).await?;
    let letters = found.selected(&listing.selection);
    if letters.is_empty() {
        return Err(nothing_selected(&found));
    }
    if listing.json {
        let documents: Vec<_> = letters.iter().map(|letter| letter.full_json()).collect();
        output::line(&output::json(&documents));
        return Ok(true);
    }
    for letter in letters {
        rendering::print_letter(letter);
    }
    Ok(true)
}

async fn explain(listing: Listing) -> Result<bool, String> {
    let found = Found::read(&listing.source, &listing.settings).await?;
    let letters = found.selected(&listing.selection);
    if letters.is_empty() {
        return Err(nothing_selected(&found));
    }
    let messages = letters.iter().map(|letter| letter.queued().clone());
    let delivery = input::Delivery::Queued(messages.collect());
    let settings = listing.settings.overrides()?;
    let now = OffsetDateTime::now_utc();
    explain::print_delivery(&found.name, delivery, settings, now, listing.json)?;
    Ok(true)
}

fn nothing_selected(found: &Found) -> String {
    match found.letters.len() {
        0 => format!("{} holds no dead letters", found.name),
        count => format!(
            "none of the {count} dead letters of {} is selected",
            found.name
        ),
    }
}
