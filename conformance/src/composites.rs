//! Serializers that combine several features, as in `library/composites.py`.

use bowline::serializers::Serializer;

/// Each by its name in the path.
pub fn composites() -> Vec<(&'static str, Serializer)> {
    Vec::new()
}
