package centre_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote/centre"
)

// may is who may send to a subject and who may listen to it: a is the agent gate7, o the
// operator ann, v the viewer vic, s the centre. It is written by hand, not taken from the
// table that is tested.
var may = []struct{ subject, send, hear string }{
	// Of the agent gate7.
	{"desfire.main.agent.gate7.hello", "as", "aovs"},
	{"desfire.main.agent.gate7.goodbye", "s", "s"},
	{"desfire.main.agent.gate7.ask", "os", "as"},
	{"desfire.main.agent.gate7.drain", "os", "as"},
	{"desfire.main.settled.gate7", "os", "as"},
	{"desfire.main.reader.gate7.r0.events", "as", "ovs"},
	{"desfire.main.reader.gate7.r0.state", "os", "as"},
	{"desfire.main.reader.gate7.r0.lease", "os", "as"},
	{"desfire.main.reader.gate7.r0.transmit", "os", "as"},
	{"desfire.main.reader.gate7.r0.order", "os", "as"},
	{"desfire.main.keys.gate7.handshake", "as", "s"},
	{"desfire.main.outbox.gate7", "as", "s"},
	{"desfire.main.mandate.gate7", "as", "s"},
	{"desfire.main.opened.gate7", "as", "s"},
	{"desfire.main.renew.gate7", "as", "s"},
	// Of another agent.
	{"desfire.main.agent.gate9.hello", "s", "ovs"},
	{"desfire.main.agent.gate9.ask", "os", "s"},
	{"desfire.main.agent.gate9.drain", "os", "s"},
	{"desfire.main.settled.gate9", "os", "s"},
	{"desfire.main.reader.gate9.r0.events", "s", "ovs"},
	{"desfire.main.reader.gate9.r0.lease", "os", "s"},
	{"desfire.main.reader.gate9.r0.transmit", "os", "s"},
	{"desfire.main.reader.gate9.r0.order", "os", "s"},
	{"desfire.main.keys.gate9.handshake", "s", "s"},
	{"desfire.main.outbox.gate9", "s", "s"},
	{"desfire.main.mandate.gate9", "s", "s"},
	{"desfire.main.renew.gate9", "s", "s"},
	// Of operators and viewers.
	{"desfire.main.keys.ann.has", "os", "s"},
	{"desfire.main.outbox.ann", "os", "s"},
	{"desfire.main.mandate.ann", "os", "s"},
	{"desfire.main.renew.ann", "os", "s"},
	{"desfire.main.keys.vic.has", "s", "s"},
	{"desfire.main.outbox.vic", "s", "s"},
	{"desfire.main.renew.vic", "vs", "s"},
	{"desfire.main.admin.read.snapshot", "ovs", "s"},
	{"desfire.main.admin.revoke", "os", "s"},
	{"desfire.main.admin.invite", "os", "s"},
	{"desfire.main.roll", "ovs", "as"},
	// Of the centre.
	{"desfire.main.ledger.0123", "s", "ovs"},
	{"desfire.main.entries.gate7.04.f48121.0123", "s", "s"},
	{"desfire.main.audit.gate7", "s", "ovs"},
	{"desfire.main.changes.gate7", "s", "ovs"},
	{"desfire.main.open.04", "s", "aovs"},
	{"desfire.main.news", "s", "aovs"},
	// Answers.
	{"_INBOX.gate7.x", "s", "a"},
	{"_INBOX.gate9.x", "s", ""},
	{"_INBOX.op.ann.x", "s", "o"},
	{"_INBOX.vic.x", "s", "v"},
	{"_INBOX.op.centre.x", "s", "s"},
	{"_INBOX.ann.x", "s", ""},
	// Streams and buckets: what asks for them could have them write anywhere.
	{"$JS.API.INFO", "s", ""},
	{"$JS.API.STREAM.CREATE.MAIN_LEDGER", "s", ""},
	{"$JS.API.STREAM.DELETE.MAIN_LEDGER", "s", ""},
	{"$JS.API.STREAM.PURGE.MAIN_LEDGER", "s", ""},
	{"$JS.API.STREAM.UPDATE.MAIN_LEDGER", "s", ""},
	{"$JS.API.STREAM.MSG.DELETE.MAIN_LEDGER", "s", ""},
	{"$JS.API.STREAM.MSG.GET.MAIN_LEDGER", "s", ""},
	{"$JS.API.DIRECT.GET.KV_main_open", "s", ""},
	{"$JS.API.CONSUMER.CREATE.KV_main_open", "s", ""},
	{"$JS.API.CONSUMER.MSG.NEXT.MAIN_LEDGER.c", "s", ""},
	{"$KV.main_open.04", "s", ""},
	{"$KV.main_leases.gate7.r0", "s", ""},
	{"$KV.main_registry.gate7", "s", ""},
	// The server.
	{"$SYS.REQ.SERVER.PING", "", ""},
	{"$SYS.REQ.CLAIMS.UPDATE", "", ""},
	{"$SYS.REQ.ACCOUNT.X.CLAIMS.LOOKUP", "", ""},
	{"$SYS.REQ.USER.INFO", "", ""},
	// All of it.
	{">", "", ""},
	{"desfire.>", "", ""},
	{"desfire.main.>", "", "s"},
	{"desfire.*.agent.gate7.ask", "", ""},
	{"desfire.main.agent.*.hello", "", "ovs"},
	{"desfire.main.reader.*.*.events", "", "ovs"},
	{"desfire.main.reader.gate7.*.lease", "", "as"},
	{"desfire.main.*.gate7", "", "s"},
	{"desfire.other.agent.gate7.hello", "", ""},
	{"desfire.other.admin.revoke", "", ""},
	{"_INBOX.>", "", ""},
	{"_INBOX.*.x", "", ""},
	{"_INBOX.op.>", "", ""},
	{"_INBOX.gate7.>", "", "a"},
}

// Each role may send and hear what the table says, and nothing else.
func TestRights(t *testing.T) {
	w := start(t, false, nil)
	w.serve()
	service, err := w.auth.ServiceFile("centre")
	if err != nil {
		t.Fatal(err)
	}
	for letter, f := range map[string]*centre.File{
		"a": w.agent("gate7"), "o": w.join(centre.Invitation{Name: "ann", Role: centre.Admin}),
		"v": w.join(centre.Invitation{Name: "vic", Role: centre.Viewer}), "s": service,
	} {
		nc := dial(t, f, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		for _, row := range may {
			wild := strings.ContainsAny(row.subject, "*>")
			if want := strings.Contains(row.send, letter); !wild && sends(t, nc, row.subject) != want {
				t.Errorf("%s sends to %s: %t", f.Role, row.subject, !want)
			}
			if want := strings.Contains(row.hear, letter); hears(t, nc, row.subject) != want {
				t.Errorf("%s hears %s: %t", f.Role, row.subject, !want)
			}
		}
	}
}

// sends reports whether the server lets something through.
func sends(t testing.TB, nc *nats.Conn, subject string) bool {
	t.Helper()
	if err := nc.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	return allowed(t, nc, "publish to", subject)
}

func hears(t testing.TB, nc *nats.Conn, subject string) bool {
	t.Helper()
	s, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Unsubscribe() }()
	return allowed(t, nc, "subscription to", subject)
}

// allowed waits until the server has looked at what was sent; a refusal comes before.
func allowed(t testing.TB, nc *nats.Conn, what, subject string) bool {
	t.Helper()
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	err := nc.LastError()
	return err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(what+` "`+subject+`"`))
}
