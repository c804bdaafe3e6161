package mobile

import (
	"encoding/hex"
	"time"
)

// Config says how an app works with cards. NewConfig has what is sensible.
type Config struct {
	// Folder is where journals are: a folder of the app that no other app and no cleaning of
	// caches reaches, such as getFilesDir or Application Support. Jobs that need none work without.
	Folder string
	// Reader is what JSON calls the phone.
	Reader string
	// ExchangeTimeout bounds one exchange, in milliseconds; 0 is 5 s, and 30 s for commands that
	// take long.
	ExchangeTimeout int
	// JobTimeout bounds a job, in milliseconds; 0 is no bound.
	JobTimeout int
	// SessionTimeout is how long the phone keeps the connection to a tag, in milliseconds from
	// OpenCard on; 0 is no bound. An iPhone ends a session after 60 s: 55000 leaves a job the time to say
	// what became of it.
	SessionTimeout int
	// RequireEV2 accepts no authentication weaker than AuthenticateEV2: for apps whose cards are all EV2 or
	// later with AES keys. It keeps somebody from posing as an older card.
	RequireEV2 bool
	// ReaderID names this phone in transactions where a transaction MAC file wants it, 16 bytes in hexadecimal;
	// empty: it has no name. A purse names itself.
	ReaderID string
}

// NewConfig is the usual Config, without a folder.
func NewConfig() *Config { return &Config{Reader: "nfc"} }

// bounds in time.
func millis(n int) time.Duration {
	const most = 24 * 60 * 60 * 1000
	return time.Duration(min(max(n, 0), most)) * time.Millisecond
}

// readerID is ReaderID in bytes, zeros if there is none.
func (c *Config) readerID() (id [16]byte, err error) {
	if c.ReaderID == "" {
		return id, nil
	}
	b, err := hex.DecodeString(c.ReaderID)
	if err != nil || len(b) != len(id) {
		return id, usage("Config.ReaderID: want 16 bytes in hexadecimal")
	}
	return [16]byte(b), nil
}
