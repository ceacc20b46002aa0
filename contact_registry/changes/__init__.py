"""Changes of a Participant's contacts: drafted, judged, merged, signed by people, published."""
