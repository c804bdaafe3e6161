package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxID is as remote.CheckName has it.
const maxID = 32

// slug is the name of a reader as an address can have it. Different names may have the
// same.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxID {
			break
		}
	}
	if s := strings.TrimRight(b.String(), "-"); s != "" {
		return s
	}
	return "reader"
}

// id is the address of a reader, its own as long as the agent runs. Where two names have
// the same slug, the second one gets some digits that its name decides. The agent is
// locked.
func (a *Agent) id(name string) string {
	if id, ok := a.ids[name]; ok {
		return id
	}
	taken := make(map[string]bool, len(a.ids))
	for _, id := range a.ids {
		taken[id] = true
	}
	s := slug(name)
	id := s
	hash := sha256.Sum256([]byte(name))
	for n := 4; taken[id]; n++ {
		digits := hex.EncodeToString(hash[:])
		digits = digits[:min(n, len(digits))]
		id = strings.TrimRight(s[:min(len(s), maxID-1-len(digits))], "-") + "-" + digits
	}
	a.ids[name] = id
	return id
}
