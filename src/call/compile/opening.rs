//! Opening hours, and what is done with callers who cannot go on.

use std::ops::Range;

use toml::Spanned;

use super::Compiler;
use super::choice::Spot;
use crate::call::opening::{Instead, Opening};
use crate::call::settings::{OutsideSetting, RouteSettings};
use crate::call::wording::Names;
use crate::oncall::HoursId;
use crate::problem::{Problem, nearest};

impl<'a> Compiler<'a> {
    /// The opening of a route, or of the hotline where there is no route.
    pub(super) fn opening(
        &mut self,
        hours: Option<&Spanned<String>>,
        outside: Option<&'a Spanned<OutsideSetting>>,
        route: Option<&RouteSettings>,
        spot: Spot<'a>,
    ) -> Option<Opening> {
        let Some(written) = hours else {
            if let Some(outside) = outside {
                let unused = Problem::warning(outside.span(), "`outside` is never used: there are no hours");
                self.problems.push(unused.help("write hours = \"ID\" beside it, with an id of [[hours]]"));
            }
            return None;
        };
        let hours = self.hours(written)?;
        let outside = match outside {
            Some(outside) => self.instead(outside.get_ref(), outside.span(), route, spot)?,
            None => Instead::Words(spot.voice.shipped("outside-hours")),
        };
        Some(Opening { hours, outside })
    }

    fn hours(&mut self, written: &Spanned<String>) -> Option<HoursId> {
        let id = HoursId::new(written.get_ref());
        let known = &self.around.roster.hours;
        if known.contains_key(&id) {
            return Some(id);
        }
        let help = match nearest(id.as_str(), known.keys().map(HoursId::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "opening hours are the [[hours]] of the on-call file".to_owned(),
        };
        self.error(written.span(), format!("there are no hours `{id}`"), &help);
        None
    }

    /// What is done with a caller who cannot go on at a route, or at the hotline where there is no route.
    pub(super) fn instead(
        &mut self,
        written: &OutsideSetting,
        span: Range<usize>,
        route: Option<&RouteSettings>,
        spot: Spot<'a>,
    ) -> Option<Instead> {
        match written {
            OutsideSetting::Route(name) => self.place(spot.hotline, name, span).map(Instead::Choice),
            OutsideSetting::Voicemail => {
                let rings = route.is_none_or(|route| route.menu.is_none() && route.redirect.is_none());
                if !rings {
                    let message = "a route with a menu or a redirect has no voicemail";
                    self.error(span, message, "write { route = \"KEY\" } with a route that takes messages");
                }
                Some(Instead::Voicemail)
            }
            OutsideSetting::Words(audio) => {
                let route = route.map_or("", |route| route.name.get_ref().as_str());
                let names = Names { hotline: spot.hotline.name.get_ref(), route };
                self.one_audio(audio, span, names, spot.voice, false).map(Instead::Words)
            }
        }
    }
}
