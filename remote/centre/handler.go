package centre

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"

	"github.com/nats-io/nkeys"
)

// maxJoin bounds a request to join and its answer.
const (
	maxJoin       = 16 << 10
	maxJoinAnswer = 4 << 20
)

// joinRequest is what somebody sends to join, or, without a token, to get permissions
// again after those it had ran out.
type joinRequest struct {
	V     int    `json:"v"`
	Name  string `json:"name"`
	Token string `json:"token,omitempty"`
	Key   string `json:"key"`
	Nonce string `json:"nonce"`         // of its own, in base 64
	Sig   string `json:"sig"`           // of statement, in base 64
	CSR   string `json:"csr,omitempty"` // of a leaf: PEM of a request for a certificate
}

// statement is what the signature is of. It holds the token's hash: a signature is for
// one token. It begins as no challenge of NATS does.
func (r *joinRequest) statement() []byte {
	return []byte("desfire join 1\n" + r.Name + "\n" + hashToken(r.Token) + "\n" + r.Key + "\n" + r.Nonce + "\n" + hashToken(r.CSR))
}

// proven is an error unless the request was signed with the seed of its key.
func (r *joinRequest) proven() error {
	bad := errors.New("the request is not signed with the key that it names")
	nonce, err := base64.RawURLEncoding.DecodeString(r.Nonce)
	if err != nil || len(nonce) < 16 || len(nonce) > 64 || !nkeys.IsValidPublicUserKey(r.Key) {
		return bad
	}
	sig, err := base64.RawURLEncoding.DecodeString(r.Sig)
	if err != nil {
		return bad
	}
	key, err := nkeys.FromPublicKey(r.Key)
	if err != nil || key.Verify(r.statement(), sig) != nil {
		return bad
	}
	return nil
}

// joinAnswer is what a member gets.
type joinAnswer struct {
	V     int      `json:"v"`
	Fleet string   `json:"fleet"`
	Name  string   `json:"name"`
	Role  Role     `json:"role"`
	JWT   string   `json:"jwt"`
	URLs  []string `json:"urls"`
	CA    string   `json:"ca,omitempty"`
	// SystemCA is as in a File.
	SystemCA bool   `json:"system_ca,omitempty"`
	Trust    *Trust `json:"trust,omitempty"` // for a leaf
	Cert     string `json:"cert,omitempty"`  // for a leaf
}

// Handler answers POST /join. It must be reached by HTTPS, or from this machine only:
// other requests are refused, whatever the server in front of it does.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /join", a.join)
	return mux
}

func (a *Authority) join(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if r.TLS == nil && (err != nil || !loopback(host)) {
		refuse(w, http.StatusForbidden, "joining needs https")
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" || r.Header.Get("Origin") != "" {
		refuse(w, http.StatusUnsupportedMediaType, "want JSON, and no page of a browser")
		return
	}
	done, wait := a.limit.try(r.RemoteAddr)
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(1+int(wait.Seconds())))
		refuse(w, http.StatusTooManyRequests, "too many tries that failed: wait a little")
		return
	}
	failed := true
	defer func() { done(failed) }()
	var q joinRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJoin))
	if err != nil || json.Unmarshal(body, &q) != nil {
		refuse(w, http.StatusBadRequest, "not a request to join")
		return
	}
	if q.V != 1 {
		refuse(w, http.StatusBadRequest, "a request of version "+strconv.Itoa(q.V)+", and this centre knows 1: update the other side")
		return
	}
	answer, err := a.answer(&q)
	if err != nil {
		a.conf.Logger.Warn("refused to let in", "member", visibleName(q.Name), "from", host, "error", err)
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	failed = false
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // who does not get it asks again
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// visibleName keeps what strangers say out of logs, unless it is a name.
func visibleName(name string) string {
	if len(name) > 32 {
		name = name[:32]
	}
	return strconv.QuoteToASCII(name)
}

func (a *Authority) answer(q *joinRequest) (*joinAnswer, error) {
	if err := q.proven(); err != nil {
		return nil, err
	}
	var m Member
	var err error
	if q.Token != "" {
		m, err = a.admit(q.Name, q.Token, q.Key)
	} else {
		m, err = a.renew(q.Name, q.Key)
	}
	if err != nil {
		return nil, err
	}
	return a.answerFor(m, q.CSR)
}

// answerFor is what a member gets that was let in.
func (a *Authority) answerFor(m Member, csr string) (*joinAnswer, error) {
	signed, err := a.sign(m)
	if err != nil {
		return nil, err
	}
	f := a.file(m, signed)
	out := &joinAnswer{V: 1, Fleet: f.Fleet, Name: f.Name, Role: f.Role, JWT: f.JWT, URLs: f.URLs, CA: f.CA, SystemCA: f.SystemCA}
	if m.Role != Leaf {
		return out, nil
	}
	trust, err := a.leafTrust()
	if err != nil {
		return nil, err
	}
	out.Trust = &trust
	if csr != "" && a.certs.signer != nil {
		cert, err := a.signRequest(csr, m.Hosts)
		if err != nil {
			return nil, err
		}
		out.Cert = string(cert)
	}
	return out, nil
}

// signRequest is a certificate for the key of a request, and for the hosts that the
// token named: what else the request asks for counts nothing.
func (a *Authority) signRequest(text string, hosts []string) ([]byte, error) {
	bad := errors.New("not a request for a certificate with an ECDSA key")
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, bad
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || req.CheckSignature() != nil {
		return nil, bad
	}
	key, ok := req.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, bad
	}
	// It lasts as long as the authority: a leaf that was revoked is let in nowhere, and
	// its certificate only says that it is at those hosts.
	ca := a.certs.signer
	return ca.sign(key, append([]string{"localhost", "127.0.0.1", "::1"}, hosts...), a.conf.Now(), ca.cert.NotAfter)
}
