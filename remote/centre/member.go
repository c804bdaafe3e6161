package centre

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/remote"
)

// Invitation is for whom a token is.
type Invitation struct {
	Name string
	Role Role
	// Replace lets the name be one that a member has: that one is revoked when the new
	// one joins.
	Replace bool
	Agents  []string // that a leaf carries, 100 at most; none: every one
	Hosts   []string // names and addresses of a leaf, for its certificate
	URLs    []string // where it connects to NATS, if not where all do: a leaf of its site
}

// maxCarried bounds the agents that a leaf names: its permissions name each of them.
const maxCarried = 100

// Invite makes a token and the line to paste. It is valid for 15 minutes, for one
// member, and kept as a hash only. An older token of the name is void.
func (a *Authority) Invite(i Invitation) (Line, error) {
	if err := remote.CheckName(i.Name); err != nil {
		return Line{}, err
	}
	if !slices.Contains(Roles(), i.Role) {
		return Line{}, fmt.Errorf("no role %.40q: want %s", i.Role, roleWords())
	}
	if i.Role != Leaf && (len(i.Agents) > 0 || len(i.Hosts) > 0) {
		return Line{}, fmt.Errorf("%s carries no agents and shows no certificate: only a leaf does", i.Role)
	}
	if len(i.Agents) > maxCarried {
		return Line{}, fmt.Errorf("%d agents on one leaf: %d at most; a leaf that names none carries all", len(i.Agents), maxCarried)
	}
	if _, err := RightsOf(a.conf.Fleet, i.Role, i.Name, i.Agents); err != nil {
		return Line{}, err
	}
	if i.Role == Leaf && len(i.URLs)+len(a.conf.LeafURLs) == 0 {
		return Line{}, errors.New("this centre listens nowhere for servers of sites")
	}
	if len(i.URLs) > 0 {
		if _, err := checkURLs(i.URLs); err != nil {
			return Line{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text := newToken()
	err := a.members.change(func(f *registryFile) error {
		f.forget(a.conf.Now())
		if f.active(i.Name) != nil && !i.Replace {
			return fmt.Errorf("%s is a member already: revoke it first, or say that it is to be replaced", i.Name)
		}
		f.Tokens = slices.DeleteFunc(f.Tokens, func(t token) bool { return t.Name == i.Name })
		f.Tokens = append(f.Tokens, token{
			Hash: hashToken(text), Name: i.Name, Role: i.Role, Made: a.conf.Now(), Replace: i.Replace,
			Agents: i.Agents, Hosts: i.Hosts, URLs: i.URLs,
		})
		return nil
	})
	if err != nil {
		return Line{}, err
	}
	l := Line{Name: i.Name, Token: text, URL: a.conf.JoinURL, Pin: a.Fingerprint()}
	if u, err := url.Parse(l.URL); err == nil && u.Scheme == "http" {
		l.Pin = ""
	}
	return l, nil
}

// ErrToken is what any token gets that does not do; it does not say why.
var ErrToken = errors.New("this token does not do for this name: it was used, its 15 minutes are over, or it is another; ask for a new one")

// admit lets somebody join. The same key gets an answer again while the token is valid.
func (a *Authority) admit(name, text, key string) (Member, error) {
	if !nkeys.IsValidPublicUserKey(key) {
		return Member{}, errors.New("not the public half of a user's key")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.conf.Now()
	replaced := false
	err := a.members.change(func(f *registryFile) error {
		f.forget(now)
		at := slices.IndexFunc(f.Tokens, func(t token) bool { return t.Name == name })
		if at < 0 {
			(&token{}).is(text) // as long as one of the name
			return ErrToken
		}
		t := &f.Tokens[at]
		if !t.is(text) || t.Used != "" && t.Used != key {
			return ErrToken
		}
		if old := f.byKey(key); old != nil && (old.Revoked != nil || old.Name != name || t.Used == "") {
			return ErrToken // a key is one member's, once
		}
		if t.Used != "" {
			m := f.active(name)
			if m == nil || m.Key != key {
				return ErrToken
			}
			m.Expires = now.Add(a.conf.Lasts)
			return nil
		}
		if old := f.active(name); old != nil {
			if !t.Replace {
				return ErrToken
			}
			old.Revoked, replaced = &now, true
		}
		t.Used = key
		f.Members = append(f.Members, Member{
			Name: name, Role: t.Role, Key: key, Made: now, Expires: now.Add(a.conf.Lasts),
			Agents: t.Agents, Hosts: t.Hosts, URLs: t.URLs,
		})
		return nil
	})
	if err != nil {
		return Member{}, err
	}
	if replaced {
		if err := a.published(); err != nil {
			return Member{}, err
		}
	}
	a.conf.Logger.Info("joined", "member", name, "key", key)
	return *a.members.now.active(name), nil
}

// renew is the member with a key, if it still is one, with permissions from now on.
func (a *Authority) renew(name, key string) (Member, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.conf.Now()
	m := a.members.now.active(name)
	if m == nil || key != "" && m.Key != key {
		return Member{}, fmt.Errorf("%.40q is no member of this fleet", name)
	}
	if m.Expires.Sub(now) > a.conf.Lasts-time.Minute {
		return *m, nil // as good as new: asking again and again writes nothing
	}
	// It is written before it is signed: until then the key of a revoked one is named.
	err := a.members.change(func(f *registryFile) error {
		m := f.active(name)
		m.Expires, m.Seen = now.Add(a.conf.Lasts), &now
		return nil
	})
	if err != nil {
		return Member{}, err
	}
	return *a.members.now.active(name), nil
}

// sign signs the permissions of a member.
func (a *Authority) sign(m Member) (string, error) {
	r, err := RightsOf(a.conf.Fleet, m.Role, m.Name, m.Agents)
	if err != nil {
		return "", err
	}
	c := jwt.NewUserClaims(m.Key)
	c.Name, c.Expires = m.Name, m.Expires.Unix()
	c.Permissions = r.claims()
	c.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket}
	switch m.Role {
	case Leaf:
		c.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeInProcess}
	case Service:
		c.AllowedConnectionTypes = append(c.AllowedConnectionTypes, jwt.ConnectionTypeInProcess)
	}
	if a.conf.Cluster != nil {
		c.IssuerAccount = a.conf.Cluster.Account
	}
	return c.Encode(a.issuer)
}

// Revoke ends the membership of a name, for ever: its connections are closed, and its
// key never gets in again. Another one may join under the name. In a cluster of the
// user the error may be a *LaterError.
func (a *Authority) Revoke(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.conf.Now()
	var until time.Time
	err := a.members.change(func(f *registryFile) error {
		m := f.active(name)
		f.Tokens = slices.DeleteFunc(f.Tokens, func(t token) bool { return t.Name == name })
		if m == nil {
			return fmt.Errorf("%.40q is no member of this fleet", name)
		}
		m.Revoked, until = &now, m.Expires
		return nil
	})
	if err != nil {
		return err
	}
	a.conf.Logger.Info("revoked", "member", name)
	return a.publish(until)
}

// published is publish where a later end is no error.
func (a *Authority) published() error {
	err := a.publish(time.Time{})
	var later *LaterError
	if errors.As(err, &later) {
		return nil
	}
	return err
}

// publish puts in force what the registry says of who is revoked. The lock is held.
func (a *Authority) publish(until time.Time) error {
	if a.conf.Cluster != nil {
		return a.conf.Cluster.publish(&a.members.now, a.conf.Now(), until)
	}
	account, err := a.signAccount(&a.members.now, true)
	if err != nil {
		return err
	}
	a.account = account
	if a.apply != nil {
		if err := a.apply(account); err != nil {
			return fmt.Errorf("revoked, and the server does not take it yet: %w", err)
		}
	}
	if a.news != nil {
		a.news()
	}
	return nil
}

// Enrol makes a member of this process's own: its key is made here. The caller writes
// the file.
func (a *Authority) Enrol(name string, role Role) (*File, error) {
	l, err := a.Invite(Invitation{Name: name, Role: role})
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	m, err := a.admit(name, l.Token, public(pair))
	if err != nil {
		return nil, err
	}
	got, err := a.answerFor(m, "")
	if err != nil {
		return nil, err
	}
	f := a.file(m, got.JWT)
	f.Seed, f.Trust = string(seed), got.Trust
	return f, nil
}

// ServiceFile is what the centre itself connects with, made anew each time: its key is
// nowhere else.
func (a *Authority) ServiceFile(name string) (*File, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	m := Member{Name: name, Role: Service, Key: public(pair), Expires: a.conf.Now().Add(10 * 365 * 24 * time.Hour)}
	signed, err := a.sign(m)
	if err != nil {
		return nil, err
	}
	f := a.file(m, signed)
	f.Seed = string(seed)
	return f, nil
}

// file is what a member connects with, without its seed.
func (a *Authority) file(m Member, signed string) *File {
	urls := m.URLs
	switch {
	case len(urls) > 0:
	case m.Role == Leaf:
		urls = a.conf.LeafURLs
	default:
		urls = a.conf.URLs
	}
	f := &File{
		V: 1, Fleet: a.conf.Fleet, Name: m.Name, Role: m.Role, URLs: slices.Clone(urls),
		Join: a.conf.JoinURL, JWT: signed, CA: string(a.certs.ca),
	}
	if c := a.conf.Cluster; c != nil {
		// Two authorities: of the cluster, and of the address to join at.
		f.SystemCA = c.CA == nil || f.CA == ""
		f.CA += string(c.CA)
	}
	return f
}

func checkJoinURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Port() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return fmt.Errorf("address to join at %.80q: want https://host:port", text)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("address to join at %.80q: http only with an address of this machine: want https://host:port", text)
	}
	return fmt.Errorf("address to join at %.80q: want https://host:port", text)
}

// checkURLs is an error if a member must not connect at one of the addresses; secure is
// whether they need TLS.
func checkURLs(urls []string) (secure bool, err error) {
	if len(urls) == 0 {
		return false, errors.New("no address of NATS")
	}
	open := false
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			return false, fmt.Errorf("address of NATS %.80q: want tls://host:port", text)
		}
		if p := u.Port(); p == "" {
			return false, fmt.Errorf("address of NATS %.80q: no port: want tls://%s", text, net.JoinHostPort(u.Hostname(), "4222"))
		}
		switch u.Scheme {
		case "tls":
			secure = true
		case "nats":
			if !loopback(u.Hostname()) {
				return false, fmt.Errorf("address of NATS %.80q: without TLS only an address of this machine: want tls://%s", text, u.Host)
			}
			open = true
		default:
			return false, fmt.Errorf("address of NATS %.80q: want tls://host:port", text)
		}
	}
	if open && secure {
		return false, errors.New("addresses of NATS: some with TLS and some without: want one or the other")
	}
	return secure, nil
}
