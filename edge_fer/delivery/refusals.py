"""Why a broker cannot be talked to, in one line that says what to do. It talks to nobody."""

import ssl

from edge_fer.config.broker_url import Broker

UNSUPPORTED_PROTOCOL = 132
_CREDENTIALS = (134, 135)
"""Bad credentials and not authorized; mosquitto says 135 for a wrong password."""
_WRONG_NAME = (62, 64)
"""OpenSSL: host name mismatch, IP address mismatch."""
_UNKNOWN_CA = (18, 19, 20, 21)
"""OpenSSL: self-signed, self-signed in the chain, no issuer found, chain not complete."""


def refusal(code: int, text: str, broker: Broker) -> str:
    """What CONNACK's reason means for the user."""
    if code not in _CREDENTIALS:
        return f"refused: {text.lower()}"
    if broker.user is None:
        return (
            f"refused: it wants a user name and password; "
            f"write {broker.scheme}://user@host in mqtt.brokers and set mqtt.password_file"
        )
    return "refused: bad user name or password; check mqtt.password_file"


def silent(broker: Broker) -> str:
    """What it means when it hangs up without a word."""
    if broker.encrypted:
        return "hung up; does it want a certificate of ours (mqtt.cert_file), is it a broker?"
    return "hung up; is it an MQTT broker?"


def unreachable(error: BaseException | None) -> str:
    """What a failed connection means for the user."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_CA:
            return (
                "its certificate is not signed by an authority we trust; "
                "name the one that did in mqtt.ca_file"
            )
        if error.verify_code in _WRONG_NAME:
            return f"its certificate is for another name ({error.verify_message.rstrip('.')})"
        return f"its certificate is refused ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).lower().replace("_", " ")
        return f"TLS failed ({reason}); does it speak TLS on this port, and want a certificate?"
    text = getattr(error, "strerror", None) or error or "unknown reason"
    return f"cannot be reached: {str(text).lower()}"
