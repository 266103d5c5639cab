"""Segment messages, numbered, for the checks that send many."""

LIST = "Y6nRLr"


def email_of(n):
    return f"p{n}@klaviyo-demo.com"


def message(kind, n, email=None, **fields):
    traits = {"email": email or email_of(n)}
    return {"type": kind, "messageId": f"m{n}", "timestamp": "2026-11-20T10:00:00Z",
            "userId": f"usr_{n}",
            "context": {"traits": traits, "library": {"name": "analytics.js"}}} | fields


def track(n, event="Product Viewed", **properties):
    properties = {"n": n, "name": "Wild Berry Jam", "price": 9.95} | properties
    return message("track", n, event=event, properties=properties)


def order(n, lines):
    products = [{"product_id": f"p{line}", "name": "Jam", "price": 9.95, "quantity": 2}
                for line in range(lines)]
    return track(n, event="Order Completed", order_id=f"R{n}", total=100, products=products)


def identify(n, email=None, **klaviyo_options):
    integrations = {"Klaviyo": klaviyo_options} if klaviyo_options else {}
    traits = {"email": email or email_of(n), "n": n}
    return message("identify", n, email, traits=traits, integrations=integrations)


def changed_identify(n):
    """An identify that removes a property and changes arrays."""
    return identify(n, fieldsToUnset=["old"], fieldsToAppend={"skus": ["A"]},
                    fieldsToUnappend={"skus": "B"})


def group(n, subscribe):
    traits = {"subscribe": subscribe}
    return message("group", n, groupId=LIST, traits=traits, userId=email_of(n))


def audience(n, event):
    personas = {"computation_class": "audience", "external_audience_id": "AUD001"}
    audience = track(n, event=event)
    audience["context"]["personas"] = personas
    return audience


def deletion(n):
    return {"type": "delete", "userId": email_of(n)}
