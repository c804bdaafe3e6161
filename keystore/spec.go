package keystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
)

// Spec is a key in its written form, taken apart. Nothing is read yet of what it
// names.
type Spec struct {
	typ   key.Type
	typed bool // typ was written
	kind  kind
	name  string   // of the file or variable
	argv  []string // of the program
	from  *Provided
	key   *key.Secret
	facts Facts // of key
}

type kind uint8

const (
	kindDigits kind = iota
	kindFile
	kindEnv
	kindExec
	kindPrompt
	kindProvided
)

// ParseSpec reads what key.Parse reads, and two forms more, with or without a
// type before them:
//
//	exec:PROGRAM ARG ...   what a program prints
//	prompt                 what a person types
//
// Arguments are separated by blanks; single or double quotes keep them in one. No
// shell sees them. Errors never show digits. Providers.Parse reads more.
func ParseSpec(text string) (*Spec, error) { return Providers(nil).Parse(text) }

func (ps Providers) parse(text string) (*Spec, error) {
	s := new(Spec)
	rest := text
	if !ps.elsewhere(rest) {
		name, value, ok := strings.Cut(text, ":")
		value = strings.TrimSpace(value)
		t, err := key.ParseType(name)
		if !ok || err != nil || !ps.elsewhere(value) {
			k, err := key.Parse(text)
			if err != nil {
				return nil, inner(err)
			}
			return &Spec{typ: k.Type(), typed: true, key: k, facts: stated(k, []byte(value), "")}, nil
		}
		s.typ, s.typed, rest = t, true, value
	}
	var err error
	p, address := ps.find(rest)
	switch scheme, value, _ := strings.Cut(rest, ":"); {
	case p != nil:
		s.kind = kindProvided
		if s.from, err = p.Parse(address); err != nil {
			err = fmt.Errorf("%s: %w", p.Form, err)
		}
	case rest == "prompt":
		s.kind = kindPrompt
	case rest[0] == '@':
		s.kind, s.name = kindFile, rest[1:]
	case scheme == "env":
		s.kind, s.name = kindEnv, value
	case scheme != "exec":
		err = fmt.Errorf("%s: this program gets no keys from there", scheme)
	default:
		s.kind = kindExec
		if s.argv, err = splitArgs(value); err == nil && len(s.argv) == 0 {
			err = errors.New("exec: names no program")
		}
	}
	if err == nil && s.name == "" && (s.kind == kindFile || s.kind == kindEnv) {
		err = errors.New("after @ want the name of a file, after env: that of a variable")
	}
	return s, err
}

// stated are the facts of a key that was read. The version of an AES key is none
// unless it stands behind a slash; the others carry theirs.
func stated(k *key.Secret, text []byte, source string) Facts {
	f := FactsOf(k, source)
	if line, err := keytext.Line(text); err == nil {
		f.NoVersion = k.Type() == key.TypeAES && !bytes.ContainsRune(line, '/')
	}
	return f
}

// ReadText reads a key from text as key.ParseText does, and what is stated of it:
// an AES key without a version after it has none. The caller overwrites text.
func ReadText(text []byte) (*key.Secret, Facts, error) {
	k, err := key.ParseText(text)
	if err != nil {
		return nil, Facts{}, fmt.Errorf("keystore: %w", inner(err))
	}
	return k, stated(k, text, ""), nil
}

// inner is an error of package key without the package's name.
func inner(err error) error {
	if s, ok := strings.CutPrefix(err.Error(), "key: "); ok {
		return errors.New(s)
	}
	return err
}

func splitArgs(s string) ([]string, error) {
	var args []string
	var arg strings.Builder
	var quote rune
	begun := false
	for _, c := range s {
		switch {
		case c == 0 || c == '\n' || c == '\r':
			return nil, errors.New("exec: the command must be one line")
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if begun {
				args = append(args, arg.String())
				arg.Reset()
			}
			begun = false
		default:
			arg.WriteRune(c)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("exec: a quote %c has no end", quote)
	}
	if begun {
		args = append(args, arg.String())
	}
	return args, nil
}

// Source says where the key is kept, for people: @FILE, env:NAME, exec: and the
// name of the program, prompt, what a provider says, with the type if it was
// written. Of digits, and of what looks like them, it is empty.
func (s *Spec) Source() string {
	var text string
	switch s.kind {
	case kindFile:
		text = "@" + s.name
	case kindEnv:
		text = "env:" + s.name
	case kindExec:
		text = "exec:" + filepath.Base(s.argv[0])
	case kindPrompt:
		text = "prompt"
	case kindProvided:
		text = s.from.Source
	default:
		return ""
	}
	if s.from == nil && Hide(text) != text {
		return ""
	}
	if s.typed {
		text = strings.ToLower(s.typ.String()) + ":" + text
	}
	return text
}

// String is Source, or the facts of digits.
func (s *Spec) String() string {
	if s.key != nil {
		return s.key.String()
	}
	return s.Source()
}

// Format prints String for every verb.
func (s *Spec) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Asks reports whether Key asks a person, runs a program or asks a provider, which
// may do so, or reads a file that is none, such as a terminal or a pipe, and may
// take long. nil is the zero Config.
func (s *Spec) Asks(c *Config) bool {
	switch s.kind {
	case kindExec, kindPrompt, kindProvided:
		return true
	case kindFile:
		if c == nil {
			c = new(Config)
		}
		info, err := os.Stat(c.path(s.name))
		return err == nil && !info.Mode().IsRegular()
	}
	return false
}

// Facts is what is written of the key, and its source.
func (s *Spec) Facts() Facts {
	if s.key != nil {
		return s.facts
	}
	f := Facts{NoVersion: true}
	if s.from != nil {
		f = s.from.Facts
	}
	f.Source = s.Source()
	if s.typed {
		f.Type = s.typ.String()
	}
	return f
}

// Config says what may be done to get the key of a Spec. The zero Config reads
// files and variables.
type Config struct {
	// Exec runs a program, without a shell, and returns what it prints, which is
	// overwritten when it was read. nil: no program may be run. Whoever sets it
	// vouches for where the Spec comes from: the command line, the environment,
	// a file that nobody else can write. See package execkey.
	Exec func(ctx context.Context, argv []string) ([]byte, error)

	// Code says whether code that a provider's key names may be run or loaded, such
	// as the module of a token: nil, or why it may not. A nil Code: nothing is
	// loaded. Whoever sets it vouches for where the Spec comes from, as with Exec.
	Code func(file string) error

	// Prompt asks for a key that is typed; nil: nobody can be asked.
	Prompt Prompt

	// Question is what is asked for, in the question to the person; empty is
	// "key".
	Question string

	// Warn takes what people should know, such as that a file can be read by
	// others. nil drops it.
	Warn func(string)

	// Dir is where names of files, and of programs with a folder in them, begin;
	// empty is the working directory.
	Dir string

	// Decrypt deciphers a key file that age has made; what names it. nil: such a
	// file is an error.
	Decrypt func(ctx context.Context, what string, text []byte) ([]byte, error)
}

// Key gets the key: reads the file or variable, runs the program, asks the person
// or the provider. It is a *key.Secret, which the caller may wipe, unless its bytes
// stay with a provider. nil is the zero Config.
func (s *Spec) Key(ctx context.Context, c *Config) (key.Key, error) {
	k, _, err := s.Get(ctx, c)
	return k, err
}

// Get is Key, and what is stated of the key then: a version that stands nowhere
// is none.
func (s *Spec) Get(ctx context.Context, c *Config) (key.Key, Facts, error) {
	if s.key != nil {
		return s.key, s.facts, nil
	}
	if c == nil {
		c = new(Config)
	}
	k, f, err := s.get(ctx, c)
	if err != nil {
		return nil, Facts{}, fmt.Errorf("keystore: %w", err)
	}
	return k, f, nil
}

func (s *Spec) get(ctx context.Context, c *Config) (key.Key, Facts, error) {
	if s.from != nil {
		return s.provided(ctx, c)
	}
	var text []byte
	var err error
	where := s.Source()
	switch s.kind {
	case kindFile:
		where = "file " + keytext.Harmless(s.name)
		text, err = s.file(ctx, c)
	case kindEnv:
		where = "environment variable " + keytext.Harmless(s.name)
		text, err = keytext.Env(s.name)
	case kindExec:
		where = "what " + keytext.Harmless(s.argv[0]) + " prints"
		text, err = s.run(ctx, c)
	case kindPrompt:
		where = "what was typed"
		text, err = s.ask(ctx, c)
	}
	defer func() { clear(text) }()
	if err != nil {
		return nil, Facts{}, err
	}
	return s.read(text, where)
}

// read makes a key of the text that was got; where says from where.
func (s *Spec) read(text []byte, where string) (key.Key, Facts, error) {
	var k *key.Secret
	var err error
	if s.typed {
		k, err = key.ParseTextAs(s.typ, text)
	} else {
		k, err = key.ParseText(text)
	}
	if err != nil {
		return nil, Facts{}, fmt.Errorf("%s: %w", where, inner(err))
	}
	return k, stated(k, text, s.Source()), nil
}

func (s *Spec) file(ctx context.Context, c *Config) ([]byte, error) {
	text, info, err := keytext.ReadFile(ctx, c.path(s.name), keytext.MaxFile)
	if err != nil {
		return nil, err
	}
	warnOfFile(c.Warn, s.name, info)
	if !Encrypted(text) {
		return text, nil
	}
	what := "file " + keytext.Harmless(s.name)
	if c.Decrypt == nil {
		return nil, fmt.Errorf("%s is encrypted by age: a keyring with its identity or passphrase reads it", what)
	}
	defer clear(text)
	return c.Decrypt(ctx, what, text)
}

func warnOfFile(warn func(string), name string, info fs.FileInfo) {
	a, ok := keytext.AccessOf(info)
	if warn == nil || !ok {
		return
	}
	switch name = keytext.Harmless(name); {
	case a.Write:
		warn(fmt.Sprintf("the key file %s can be changed by others than its owner: chmod 600 takes that from them", name))
	case a.Read:
		warn(fmt.Sprintf("the key file %s can be read by others than its owner: chmod 600 takes that from them", name))
	}
}

func (c *Config) path(name string) string {
	if c.Dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

func (s *Spec) run(ctx context.Context, c *Config) ([]byte, error) {
	if c.Exec == nil {
		return nil, fmt.Errorf("no program is run from here: exec: stands on the command line, in the environment, or in a keyring that nobody else can write, and not elsewhere (%s)", keytext.Harmless(s.argv[0]))
	}
	return c.program(ctx, s.argv)
}

// program runs a program. One with a folder in its name begins in Dir.
func (c *Config) program(ctx context.Context, argv []string) ([]byte, error) {
	argv = append([]string(nil), argv...)
	if len(argv) > 0 && filepath.Base(argv[0]) != argv[0] {
		argv[0] = c.path(argv[0])
	}
	return c.Exec(ctx, argv)
}

func (s *Spec) ask(ctx context.Context, c *Config) ([]byte, error) {
	if c.Prompt == nil {
		return nil, ErrLocked
	}
	question := c.Question
	if question == "" {
		question = "key"
	}
	if s.typed {
		return c.Prompt(ctx, question+" ("+s.typ.String()+", hexadecimal digits)")
	}
	return c.Prompt(ctx, question+" (TYPE:DIGITS)")
}

// Encrypted reports whether text is a file that age has made, binary or armored.
func Encrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) ||
		bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN AGE ENCRYPTED FILE-----"))
}
