"""The flow meter: packets to biflows, media streams, expiry."""
