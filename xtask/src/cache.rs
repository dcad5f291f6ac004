//! Where what was installed or built once is kept between runs, outside of the checkout.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;

/// The folder of this name in the user's cache; it need not exist yet.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    Ok(root(env::var_os("XDG_CACHE_HOME"), env::home_dir())?.join(name))
}

/// Where the user keeps caches (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn root(cache: Option<OsString>, home: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let given = cache.map(PathBuf::from).filter(|path| path.is_absolute());
    given
        .or_else(|| Some(home?.join(".cache")))
        .map(|cache| cache.join("gtoken"))
        .context("neither XDG_CACHE_HOME nor HOME says where things can be kept between runs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_the_user_keeps_caches() {
        let home = Some(PathBuf::from("/home/me"));
        let path = |cache: Option<&str>| root(cache.map(OsString::from), home.clone()).unwrap();
        assert_eq!(path(None), PathBuf::from("/home/me/.cache/gtoken"));
        assert_eq!(path(Some("/var/cache")), PathBuf::from("/var/cache/gtoken"));
        assert_eq!(path(Some("")), path(None));
        assert!(root(None, None).is_err());
    }
}
