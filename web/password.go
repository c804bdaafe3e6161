package web

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How passwords are kept: PBKDF2 with HMAC-SHA-256, OWASP's count of rounds in 2025.
const (
	passwordScheme = "pbkdf2-sha256"
	passwordRounds = 600_000
	fewestRounds   = 100_000
	mostRounds     = 10_000_000
	shortestWord   = 10 // characters
)

// HashPassword makes of a password what Remote.Password takes, so that the
// password itself need not be kept anywhere. It is salted: each call gives another
// text. Passwords of less than 10 characters are an error.
func HashPassword(password string) (string, error) {
	if utf8.RuneCountInString(password) < shortestWord {
		return "", fmt.Errorf("web: a password needs %d characters or more", shortestWord)
	}
	return hashPassword(password, passwordRounds)
}

func hashPassword(password string, rounds int) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	sum, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	e := base64.RawStdEncoding
	return fmt.Sprintf("%s$%d$%s$%s", passwordScheme, rounds, e.EncodeToString(salt), e.EncodeToString(sum)), nil
}

// passwordHash is what HashPassword wrote, taken apart.
type passwordHash struct {
	rounds    int
	salt, sum []byte
}

var errPasswordHash = errors.New("web: Remote.Password is not what HashPassword writes")

func parsePasswordHash(text string) (*passwordHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 4 || parts[0] != passwordScheme {
		return nil, errPasswordHash
	}
	rounds, err := strconv.Atoi(parts[1])
	if err != nil || rounds < fewestRounds || rounds > mostRounds {
		return nil, errPasswordHash
	}
	h := &passwordHash{rounds: rounds}
	var errSalt, errSum error
	h.salt, errSalt = base64.RawStdEncoding.DecodeString(parts[2])
	h.sum, errSum = base64.RawStdEncoding.DecodeString(parts[3])
	if errSalt != nil || errSum != nil || len(h.salt) < 8 || len(h.sum) != sha256.Size {
		return nil, errPasswordHash
	}
	return h, nil
}

func (h *passwordHash) is(password string) bool {
	sum, err := pbkdf2.Key(sha256.New, password, h.salt, h.rounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(sum, h.sum) == 1
}
