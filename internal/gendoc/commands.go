package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/wirevector"
	"github.com/go-desfire/desfire/wire"
)

const commandsIntro = `# Commands

Generated from the declarations in package wire by ` + "`go run ./internal/gendoc`" + `; a test keeps it current.

Offsets and lengths are bytes after INS (commands) or status (answers). A field whose offset or length depends on others shows the
values that occur in the examples; *opt.* marks fields that not every message has. The example is a message of the best evidence
(and others for fields that it lacks) of the vectors in ` + "`wire/testdata/vectors.txt`" + `; multi-byte numbers are sent least significant byte first, except in ISO 7816-4 commands.

Protection is what secure messaging does to the message: plain, mac, full (enciphered and checked), own (a cryptogram of its own), or
file (the communication mode of the file, plain where access is free). In EV1 sessions plain answers still end with a CMAC.
"Passes by" means that sessions do not see the command.

Evidence is the best kind there is: *captured* from a real card, *published* by NXP, *derived* by hand from the command reference. Derived
proves nothing about cards.

`

// commandsPage renders docs/commands.md.
func commandsPage(root string) ([]byte, error) {
	vectors, err := wirevector.Load(filepath.Join(root, "wire/testdata/vectors.txt"))
	if err != nil {
		return nil, err
	}
	docs, err := typeDocs(filepath.Join(root, "wire"))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(commandsIntro)
	b.WriteString("| INS | Command | Level | Generations | Effect | Evidence: command, answer |\n|---|---|---|---|---|---|\n")
	for s := range wire.Commands() {
		fmt.Fprintf(&b, "| %s | [%s](#%s) | %s | %s | %s | %s, %s |\n", code(s), s.Name, strings.ToLower(s.Name),
			levelWord(s.Level), generationWords(s), effectWords(s), bestOf(s, vectors, false), bestOf(s, vectors, true))
	}
	for s := range wire.Commands() {
		if err := command(&b, s, vectors, docs); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return b.Bytes(), nil
}

// code is the INS, for ISO 7816-4 commands with their class.
func code(s *wire.Spec) string {
	c := fmt.Sprintf("%02X", s.INS)
	if s.Class == wire.ClassISO {
		c = fmt.Sprintf("%02X %02X", byte(s.Class), s.INS)
	}
	if s.Variant != "" {
		c += " (" + s.Variant + ")"
	}
	return c
}

// command renders the chapter of one command.
func command(b *bytes.Buffer, s *wire.Spec, vectors []*wirevector.Vector, docs map[string]string) error {
	fmt.Fprintf(b, "\n## %s\n\n", s.Name)
	fmt.Fprintf(b, "`%s` · %s · %s", code(s), levelWord(s.Level), generationWords(s))
	if s.Exchange == wire.Single {
		b.WriteString(" · one exchange")
	}
	fmt.Fprintf(b, " · effect %s · ends with %04X", effectWords(s), uint16(s.Success))
	if s.Bare {
		b.WriteString(" (no status in native frames)")
	}
	b.WriteString("\n\n")
	if s.Unknown != "" {
		fmt.Fprintf(b, "Not supported: %s.\n", s.Unknown)
		return nil
	}
	fmt.Fprintf(b, "%s\n\n", docs[s.Name])
	protection(b, s)
	for i, response := range []bool{false, true} {
		if i > 0 {
			b.WriteString("\n")
		}
		if err := layout(b, s, response, vectors); err != nil {
			return err
		}
	}
	return nil
}

func levelWord(l wire.Level) string {
	switch l {
	case wire.LevelPICC:
		return "card"
	case wire.LevelApp:
		return "application"
	}
	return "card and application"
}

func generationWords(s *wire.Spec) string {
	var names []string
	for _, g := range wire.Generations {
		if s.In(g) {
			names = append(names, g.String())
		}
	}
	if names == nil {
		return s.Needs.String() + " parts only"
	}
	return strings.Join(names, " ")
}

// effectWords says what the command does for each file type, in short where
// that makes no difference.
func effectWords(s *wire.Spec) string {
	word := s.EffectOn(wire.FileUnknown).String()
	if backup := s.EffectOn(wire.FileBackup); backup.String() != word {
		word += ", " + backup.String() + " in backup files"
	}
	return word
}

// protection renders what sessions do to the command.
func protection(b *bytes.Buffer, s *wire.Spec) {
	if s.Rule == wire.RulePlain {
		b.WriteString("Protection: passes by sessions.\n\n")
		return
	}
	b.WriteString("| Protection | D40 | EV1 | EV2 | LRP |\n|---|---|---|---|---|\n")
	for _, response := range []bool{false, true} {
		b.WriteString([]string{"| command |", "| answer |"}[b2i(response)])
		for _, scheme := range []wire.Scheme{wire.SchemeD40, wire.SchemeEV1, wire.SchemeEV2, wire.SchemeLRP} {
			fmt.Fprintf(b, " %s |", protectionWord(s.Rule, scheme, response))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// protectionWord is the mode, or file where it follows the file.
func protectionWord(r wire.Rule, s wire.Scheme, response bool) string {
	plain, full := r.Protection(s, response, wire.CommPlain), r.Protection(s, response, wire.CommFull)
	switch {
	case plain == full:
		return plain.String()
	case full == wire.CommFull:
		return "file"
	}
	return full.String() + " (plain if the file is)"
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
