package pkcs11

import "sync"

// library is an initialized module, which all Modules of this process that have
// loaded it share: C_Initialize and C_Finalize count once for a process.
type library struct {
	cryptoki
	identity uintptr
	users    int
	ours     bool // we have initialized it
}

var (
	librariesMu sync.Mutex
	libraries   = map[uintptr]*library{} // by where its list of functions is
)

// acquire initializes a module, or joins those who use it.
func acquire(c cryptoki, identity uintptr) (*library, error) {
	librariesMu.Lock()
	defer librariesMu.Unlock()
	if l := libraries[identity]; l != nil {
		l.users++
		return l, nil
	}
	l := &library{cryptoki: c, identity: identity, users: 1, ours: true}
	err := c.initialize(true)
	if codeOf(err) == codeCantLock {
		err = c.initialize(false)
	}
	if codeOf(err) == codeAlreadyInitialized {
		l.ours, err = false, nil // by other code of this process, which ends it
	}
	if err != nil {
		return nil, err
	}
	libraries[identity] = l
	return l, nil
}

// release ends the module with its last user.
func (l *library) release() error {
	librariesMu.Lock()
	defer librariesMu.Unlock()
	if l.users--; l.users > 0 {
		return nil
	}
	delete(libraries, l.identity)
	if !l.ours {
		return nil
	}
	if err := l.finalize(); codeOf(err) != codeNotInitialized {
		return err
	}
	return nil
}
