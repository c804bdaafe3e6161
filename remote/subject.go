package remote

import (
	"fmt"
	"strings"
)

// Subjects are where the messages of a fleet go. Names are checked by CheckName.
type Subjects struct{ Fleet string }

// CheckName is an error if a text is no name of a fleet, an agent or a reader in
// subjects: lower-case letters, digits and hyphens, 32 at most, no hyphen first.
func CheckName(name string) error {
	ok := len(name) > 0 && len(name) <= 32 && name[0] != '-'
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		return fmt.Errorf("%.40q is no name here: want lower-case letters, digits and hyphens, 32 at most", name)
	}
	return nil
}

func (s Subjects) of(parts ...string) string {
	return "desfire." + s.Fleet + "." + strings.Join(parts, ".")
}

// Of an agent; "*" means each.

func (s Subjects) Hello(agent string) string      { return s.of("agent", agent, "hello") } // from it: who it is
func (s Subjects) Ask(agent string) string        { return s.of("agent", agent, "ask") }   // to it: say hello
func (s Subjects) Drain(agent string) string      { return s.of("agent", agent, "drain") } // to it: end in order
func (s Subjects) Settled(agent string) string    { return s.of("settled", agent) }        // to it: what became of one of its changes
func (s Subjects) Outbox(agent string) string     { return s.of("outbox", agent) }         // from it: changes of its journal
func (s Subjects) Mandate(agent string) string    { return s.of("mandate", agent) }        // from it: the right to move a value alone
func (s Subjects) Audit(agent string) string      { return s.of("audit", agent) }          // of the stream AUDIT
func (s Subjects) Changes(agent string) string    { return s.of("changes", agent) }        // of the stream CHANGES
func (s Subjects) Keys(agent, what string) string { return s.of("keys", agent, what) }     // from it: to the key service

// Of a reader of an agent.

func (s Subjects) Events(agent, reader string) string { return s.of("reader", agent, reader, "events") }
func (s Subjects) State(agent, reader string) string  { return s.of("reader", agent, reader, "state") }
func (s Subjects) Lease(agent, reader string) string  { return s.of("reader", agent, reader, "lease") }
func (s Subjects) Transmit(agent, reader string) string {
	return s.of("reader", agent, reader, "transmit")
}
func (s Subjects) Order(agent, reader string) string { return s.of("reader", agent, reader, "order") }

// Of the centre.

// Ledger is the subject of a transaction in the stream LEDGER, "*" of all.
func (s Subjects) Ledger(id string) string { return s.of("ledger", id) }

// Entry is the subject of what is known of one transaction in the stream ENTRIES: of the
// agent whose journal has it, by the card's identifier, the application as hexadecimal
// and the transaction's id. "*" means each.
func (s Subjects) Entry(agent, uid, application, id string) string {
	return s.of("entries", agent, uid, application, id)
}

// Correction is the subject of a decision that is another than what stands in the ledger,
// Alarm of what a person should look at; the last part tells one from another.
func (s Subjects) Correction(id, which string) string { return s.of("corrections", id, which) }
func (s Subjects) Alarm(agent, which string) string   { return s.of("alarms", agent, which) }

// Admin is where operators ask the centre. What only reads is "read." and a word:
// viewers may ask that.
func (s Subjects) Admin(what string) string { return s.of("admin", what) }

// Opened is where an agent asks for all entries that are open; Open is where the
// centre tells each change of one. Agents have no access to JetStream: it would send
// what they choose to subjects that they may not write.
func (s Subjects) Opened(agent string) string { return s.of("opened", agent) }
func (s Subjects) Open(key string) string     { return s.of("open", key) }

// Renew is where a member of the fleet asks for its permissions anew; News is where
// the centre tells that those of the fleet changed.
func (s Subjects) Renew(name string) string { return s.of("renew", name) }
func (s Subjects) News() string             { return s.of("news") }

// Roll is where anybody asks all agents to say hello.
func (s Subjects) Roll() string { return s.of("roll") }

// Inbox is what the addresses of answers to a member of the fleet begin with, which
// only it may listen to.
func Inbox(name string) string { return "_INBOX." + name }

// OperatorInbox is Inbox of the centre and of operators, whom agents answer through
// servers of sites too: those may write there, and to no address of an agent elsewhere.
func OperatorInbox(name string) string { return Inbox(operators) + "." + name }

// operators stands in place of a name, and is nobody's.
const operators = "op"

// IsInbox reports whether a message of a member may be answered where it asks for: at
// an address of its own. Whoever answers with more rights than the one that asks must
// look, or writes where that one may not.
func IsInbox(name, reply string) bool {
	owner, ok := InboxOf(reply)
	return ok && owner == name
}

// InboxOf is whose address an answer would go to; false if it is nobody's.
func InboxOf(reply string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(reply, "_INBOX.")
	if !ok {
		return "", false
	}
	rest = strings.TrimPrefix(rest, operators+".")
	name, rest, ok = strings.Cut(rest, ".")
	return name, ok && rest != "" && name != operators && CheckName(name) == nil && !strings.ContainsAny(rest, "*> \t\r\n")
}

// Stream is the name of a stream of the fleet: what is LEDGER, AUDIT or CHANGES.
func (s Subjects) Stream(what string) string {
	return strings.ToUpper(strings.ReplaceAll(s.Fleet, "-", "_")) + "_" + what
}

// Bucket is the name of a key-value bucket of the fleet: what is open, leases or registry.
func (s Subjects) Bucket(what string) string { return s.Fleet + "_" + what }
