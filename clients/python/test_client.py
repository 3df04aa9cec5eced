"""A product's backend in Python: funds a customer, meters, authorizes and settles, and reads rich errors.

Runs against the server whose address is the first argument, with stubs that stock tools generated.
"""

import sys
import unittest
import uuid

import grpc
from chit.metering.v1 import metering_pb2 as metering
from chit.metering.v1 import metering_pb2_grpc
from chit.type.v1 import type_pb2 as types
from chit.wallet.v1 import wallet_pb2 as wallet
from chit.wallet.v1 import wallet_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

ADDRESS = "127.0.0.1:7400"
# The tenant; with identity configured, a bearer token would say it.
METADATA = (("x-chit-tenant", "dev"),)
SECONDS = 10


def credits(amount):
    """Micro-credits of a message: integers, never floats."""
    return amount.units * 1_000_000 + amount.nanos // 1_000


def rich(error):
    """The ErrorInfo and BadRequest of a refusal."""
    status = rpc_status.from_call(error)
    info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) if detail.Is(info.DESCRIPTOR) else detail.Unpack(fields)
    return info, fields


class Client(unittest.TestCase):
    """Each test has a customer of its own, so that it may run again on the same server."""

    def setUp(self):
        self.channel = grpc.insecure_channel(ADDRESS)
        grpc.channel_ready_future(self.channel).result(timeout=SECONDS)
        self.addCleanup(self.channel.close)
        self.wallet = wallet_pb2_grpc.WalletServiceStub(self.channel)
        self.metering = metering_pb2_grpc.MeteringServiceStub(self.channel)
        self.customer = f"python-{uuid.uuid4()}"

    def call(self, method, request):
        return method(request, timeout=SECONDS, metadata=METADATA)

    def refused(self, method, request):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(method, request)
        return caught.exception

    def fund(self, units):
        request = wallet.GrantRequest(
            customer_id=self.customer, amount=types.Credits(units=units), idempotency_key="welcome"
        )
        return self.call(self.wallet.Grant, request)

    def event(self, **content):
        content = {"event_type": "chat.reply", "dimensions": {"model": "gpt-4o"}, **content}
        return metering.UsageEvent(customer_id=self.customer, event_id="event-1", **content)

    def test_an_event_is_charged_once_and_explains_itself(self):
        self.fund(500)
        request = metering.MeterEventRequest(event=self.event(tokens=types.Tokens(input=1_000, output=200)))
        first = self.call(self.metering.MeterEvent, request).receipt
        again = self.call(self.metering.MeterEvent, request).receipt
        self.assertEqual(first.state, metering.EVENT_STATE_SETTLED)
        self.assertGreater(credits(first.credits), 0)
        self.assertEqual((first.replayed, again.replayed), (False, True))
        self.assertEqual(again.credits_total, first.credits_total)
        left = 500_000_000 - credits(first.credits)
        self.assertEqual(credits(again.balance.available), left)
        name = metering.ExplainEventRequest(customer_id=self.customer, event_id="event-1")
        explained = self.call(self.metering.ExplainEvent, name)
        self.assertEqual(explained.price.credits, first.credits)
        self.assertTrue(explained.sentence)

    def test_an_authorization_holds_and_its_settlement_charges_what_was_used(self):
        self.fund(500)
        names = {"customer_id": self.customer, "event_id": "event-1"}
        estimate = metering.AuthorizeRequest(
            **names,
            event_type="chat.reply",
            dimensions={"model": "gpt-4o"},
            tokens=types.Tokens(input=1_000, output=1_000),
        )
        authorized = self.call(self.metering.Authorize, estimate)
        self.assertEqual(authorized.balance.held, authorized.reserved)
        part = metering.SettleRequest(
            **names, part=1, keep_open=True, tokens=types.Tokens(input=1_000, output=100)
        )
        final = metering.SettleRequest(**names, part=2, tokens=types.Tokens(input=1_000, output=200))
        first = self.call(self.metering.Settle, part).receipt
        last = self.call(self.metering.Settle, final).receipt
        self.assertEqual(first.state, metering.EVENT_STATE_PARTLY_SETTLED)
        self.assertEqual(last.state, metering.EVENT_STATE_SETTLED)
        self.assertEqual(credits(first.credits) + credits(last.credits), credits(last.credits_total))
        self.assertLess(credits(last.credits_total), credits(authorized.reserved))
        self.assertEqual(credits(last.balance.held), 0)
        self.assertEqual(credits(last.balance.available), 500_000_000 - credits(last.credits_total))

    def test_events_stream_and_are_answered_by_sequence(self):
        self.fund(500)
        sent = {}
        for sequence in range(1, 21):
            event = metering.UsageEvent(
                customer_id=self.customer, event_id=f"streamed-{sequence}", credits=types.Credits(units=1)
            )
            item = metering.MeterItem(event=metering.MeterEventRequest(event=event))
            sent[sequence] = metering.StreamMeterEventsRequest(sequence=sequence, item=item)
        answers = self.metering.StreamMeterEvents(
            iter(sent.values()), timeout=SECONDS, metadata=METADATA
        )
        answered = {answer.sequence: answer.result for answer in answers}
        self.assertEqual(set(answered), set(sent))
        for result in answered.values():
            self.assertEqual(result.WhichOneof("result"), "receipt")
        name = wallet.GetWalletRequest(customer_id=self.customer)
        balance = self.call(self.wallet.GetWallet, name).wallet.balance
        self.assertEqual(credits(balance.available), 480_000_000)

    def test_a_refusal_says_why_and_by_how_much(self):
        self.fund(1)
        request = metering.MeterEventRequest(
            event=self.event(event_type="", credits=types.Credits(units=2, nanos=500_000_000))
        )
        error = self.refused(self.metering.MeterEvent, request)
        info, _ = rich(error)
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual((info.reason, info.domain), ("INSUFFICIENT_CREDITS", "chit.dev"))
        self.assertEqual((info.metadata["required"], info.metadata["available"]), ("2.5", "1"))

    def test_every_field_that_is_wrong_is_named(self):
        error = self.refused(self.wallet.Grant, wallet.GrantRequest(amount=types.Credits(nanos=1)))
        info, bad = rich(error)
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(info.reason, "INVALID_FIELD")
        fields = {violation.field for violation in bad.field_violations}
        self.assertLessEqual({"customer_id", "amount", "idempotency_key"}, fields)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ADDRESS = sys.argv.pop(1)
    unittest.main(verbosity=2)
