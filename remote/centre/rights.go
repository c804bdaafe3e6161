package centre

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/go-desfire/desfire/remote"
)

// Role is what a member of the fleet is.
type Role string

// The roles.
const (
	Agent   Role = "agent"   // readers at the edge, gates
	Admin   Role = "admin"   // operators: everything that the centre does for people, and the readers
	Viewer  Role = "viewer"  // sees what operators see, changes nothing
	Service Role = "service" // the centre itself: key service, ledger, registry
	Leaf    Role = "leaf"    // a server at a site, which carries the messages of agents
)

// Roles are those that somebody can join as.
func Roles() []Role { return []Role{Agent, Admin, Viewer, Leaf} }

func (r Role) valid() bool { return r == Service || slices.Contains(Roles(), r) }

// Rights are subjects that a member may send to and listen to; what they do not name it
// may not. Answer is for how long it may answer, once, a request that reached it; 0
// means not at all.
type Rights struct {
	Send, Hear []string
	Answer     time.Duration
}

// answerTime is how long an order at a gate may take: somebody holds a card.
const answerTime = 10 * time.Minute

// RightsOf are those of a member by its role and name. A leaf carries the agents that
// are named, or every agent if none is.
//
//	role     sends to                                    listens to
//	agent    hello, events of its own                    ask, drain, settled of its own
//	         keys, outbox, mandate, opened of its own    state, lease, transmit, order of its readers
//	                                                     the roll call, its own hello, changes of open entries
//	admin    ask, drain, settled of every agent          hello, events of every agent
//	         state, lease, transmit, order               ledger, audit, changes, open entries
//	         the roll call, admin.>
//	         keys, outbox, mandate, opened of its own
//	viewer   the roll call, admin.read.>                 as admin
//	leaf     what its agents may, and answers to         what its agents may
//	         the centre and to operators
//	service  the whole fleet, its streams and buckets    the whole fleet
//
// All of them renew their own permissions, hear of changes, and listen to answers at
// addresses of their own and of nobody else. Only services reach JetStream: what it
// answers or delivers goes to any subject that the request names. Agents, leaves and
// services answer requests.
func RightsOf(fleet string, role Role, name string, agents []string) (Rights, error) {
	for _, n := range append([]string{fleet, name}, agents...) {
		if err := remote.CheckName(n); err != nil {
			return Rights{}, err
		}
	}
	if err := reserved(role, append([]string{name}, agents...)); err != nil {
		return Rights{}, err
	}
	s := remote.Subjects{Fleet: fleet}
	r := Rights{Send: []string{s.Renew(name)}, Hear: []string{s.News(), inbox(role, name) + ".>"}}
	switch role {
	case Agent:
		r.agent(s, name)
	case Admin:
		r.own(s, name)
		r.Send = append(r.Send, s.Admin(">"), s.Ask("*"), s.Drain("*"), s.Settled("*"))
		r.Send = append(r.Send, readers(s, "*")...)
		r.watch(s)
	case Viewer:
		r.Send = append(r.Send, s.Admin("read.>"))
		r.watch(s)
	case Leaf:
		if len(agents) == 0 {
			agents = []string{"*"}
		}
		for _, a := range agents {
			r.agent(s, a)
			r.Send = append(r.Send, s.Renew(a))
			r.Hear = append(r.Hear, remote.Inbox(a)+".>")
		}
		// Answers of agents to the centre and to operators.
		r.Send = append(r.Send, remote.OperatorInbox("*")+".>")
		r.Hear = unique(r.Hear)
	case Service:
		all := "desfire." + fleet + ".>"
		r = Rights{
			Send:   []string{all, "_INBOX.>", "$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "$KV.>"},
			Hear:   []string{all, inbox(role, name) + ".>"},
			Answer: answerTime,
		}
	default:
		return Rights{}, fmt.Errorf("no role %.40q: want %s", role, roleWords())
	}
	return r, nil
}

// inbox is where answers to a member come.
func inbox(role Role, name string) string {
	if role == Admin || role == Service {
		return remote.OperatorInbox(name)
	}
	return remote.Inbox(name)
}

// reserved is an error for names that are not for members: "op", which addresses of
// operators have, and those of services, which nobody joins as.
func reserved(role Role, names []string) error {
	for _, n := range names {
		service := n == "centre" || strings.HasPrefix(n, "centre-")
		if n == "op" || service != (role == Service) {
			return fmt.Errorf("the name %s is not for members of role %s: want another", n, role)
		}
	}
	return nil
}

func roleWords() string {
	var words []string
	for _, r := range Roles() {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

// agent adds what an agent may; "*" means each.
func (r *Rights) agent(s remote.Subjects, name string) {
	r.own(s, name)
	r.Send = append(r.Send, s.Hello(name), s.Events(name, "*"))
	r.Hear = append(r.Hear, s.Hello(name), s.Roll(), s.Ask(name), s.Drain(name), s.Settled(name), s.Open(">"))
	r.Hear = append(r.Hear, readers(s, name)...)
	r.Answer = answerTime
}

// own adds the requests that the centre answers to whoever has keys and a journal.
func (r *Rights) own(s remote.Subjects, name string) {
	r.Send = append(r.Send, s.Keys(name, ">"), s.Outbox(name), s.Mandate(name), s.Opened(name))
}

// readers are the requests to the readers of an agent.
func readers(s remote.Subjects, agent string) []string {
	return []string{s.State(agent, "*"), s.Lease(agent, "*"), s.Transmit(agent, "*"), s.Order(agent, "*")}
}

// watch adds what can be seen of a fleet.
func (r *Rights) watch(s remote.Subjects) {
	r.Send = append(r.Send, s.Roll())
	r.Hear = append(r.Hear, s.Hello("*"), s.Events("*", "*"), s.Ledger("*"), s.Audit("*"), s.Changes("*"), s.Open(">"))
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// claims are rights as NATS writes them.
func (r Rights) claims() jwt.Permissions {
	p := jwt.Permissions{
		Pub: jwt.Permission{Allow: slices.Clone(r.Send)},
		Sub: jwt.Permission{Allow: slices.Clone(r.Hear)},
	}
	if r.Answer > 0 {
		p.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: r.Answer}
	}
	return p
}
