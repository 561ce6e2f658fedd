//! What signalling and peer share: mediasoup's parameters, capability matching, the offer.
