package layering

import (
	"fmt"
	"slices"
	"strings"
)

// stdlibOnly are the packages that import the standard library and each other,
// nothing else.
var stdlibOnly = []string{
	".", "wire", "key", "sim", "trace", "tmac", "sdm", "an10922", "dam", "originality", "ndef", "inspect", "edit", "selftest", "transporttest",
	"rekey", "keystore", "keystore/execkey", "keystore/transit", "diagnose", "place", "purse", "purse/journaltest", "perso", "perso/batch", "unlock", "wellknown", "dump", "report", "dissect", "dissect/markup",
	"internal/securemsg", "internal/handshake", "internal/frame", "internal/framelog", "internal/cmac", "internal/lrp", "internal/crc", "internal/secret", "internal/filelock", "internal/bertlv", "internal/foreign", "internal/keytext",
	"fleet", "internal/strictjson", "internal/visible", "internal/wholefile", "internal/blocks", "internal/dist", "internal/dist/make",
}

// ownOnly are packages that have no dependencies of their own, and use those of others
// of this module through these.
var ownOnly = []string{"play", "pn532/chip", "examples/layouts", "web", "doctor"}

// Check lists what breaks the rules.
func Check(packages []Package) (broken []string) {
	for _, rule := range []func([]Package) []string{
		checkStdlibOnly, checkOwnOnly, checkPeers, checkWire, checkFrame, checkCgo, checkInit, checkNames, checkCycles,
	} {
		broken = append(broken, rule(packages)...)
	}
	return broken
}

func checkStdlibOnly(packages []Package) (broken []string) {
	for _, p := range packages {
		if !slices.Contains(stdlibOnly, p.Path) {
			continue
		}
		for _, imported := range p.Imports {
			own, ok := Own(imported)
			if standard(imported) || ok && slices.Contains(stdlibOnly, own) {
				continue
			}
			broken = append(broken, fmt.Sprintf("%s imports %s: it may use the standard library and its like only", p.Path, imported))
		}
	}
	return broken
}

func checkOwnOnly(packages []Package) (broken []string) {
	for _, p := range packages {
		if !slices.Contains(ownOnly, p.Path) {
			continue
		}
		for _, imported := range p.Imports {
			if _, ok := Own(imported); !ok && !standard(imported) {
				broken = append(broken, fmt.Sprintf("%s imports %s: it may use the standard library and this module only", p.Path, imported))
			}
		}
	}
	return broken
}

// checkPeers keeps reader and card apart, and a reader's driver and the chip that it drives: what one of
// them sees, however far down, must not hold the other.
func checkPeers(packages []Package) (broken []string) {
	for _, pair := range []struct{ what, from, to string }{
		{"reader and card", ".", "sim"}, {"reader and card", "sim", "."},
		{"driver and chip", "pn532", "pn532/chip"}, {"driver and chip", "pn532/chip", "pn532"},
	} {
		if by := reaches(packages, pair.from, pair.to); by != nil {
			broken = append(broken, fmt.Sprintf("%s meet: %s", pair.what, strings.Join(by, " -> ")))
		}
	}
	return broken
}

// reaches returns the imports that lead from one package to another.
func reaches(packages []Package, from, to string) []string {
	byPath := map[string]Package{}
	for _, p := range packages {
		byPath[p.Path] = p
	}
	seen := map[string]bool{}
	var walk func(at string) []string
	walk = func(at string) []string {
		if seen[at] {
			return nil
		}
		seen[at] = true
		for _, imported := range byPath[at].Imports {
			own, ok := Own(imported)
			if !ok {
				continue
			}
			if own == to {
				return []string{at, to}
			}
			if way := walk(own); way != nil {
				return append([]string{at}, way...)
			}
		}
		return nil
	}
	return walk(from)
}

// checkWire keeps I/O, cryptography and time out of the vocabulary.
func checkWire(packages []Package) []string {
	return forbid(packages, "wire", "no I/O and no cryptography there",
		"bufio", "crypto", "embed", "io", "log", "net", "os", "path/filepath", "syscall", "time")
}

// checkFrame keeps framing free of what frames carry.
func checkFrame(packages []Package) []string {
	return forbid(packages, "internal/frame", "no I/O and no cryptography there",
		"bufio", "crypto", "io", "log", "net", "os", "syscall", "time")
}

func forbid(packages []Package, path, why string, imports ...string) (broken []string) {
	for _, p := range packages {
		if !within(p.Path, path) {
			continue
		}
		for _, imported := range p.Imports {
			if within(imported, imports...) {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.Path, imported, why))
			}
		}
	}
	return broken
}

func checkCgo(packages []Package) (broken []string) {
	for _, p := range packages {
		if slices.Contains(p.Imports, "C") {
			broken = append(broken, fmt.Sprintf("%s uses cgo", p.Path))
		}
	}
	return broken
}

func checkInit(packages []Package) (broken []string) {
	for _, p := range packages {
		for _, at := range p.Inits {
			broken = append(broken, fmt.Sprintf("%s: init function: nothing happens before main", at))
		}
	}
	return broken
}

// checkNames refuses packages that are named after nothing.
func checkNames(packages []Package) (broken []string) {
	for _, p := range packages {
		for _, name := range append(strings.Split(p.Path, "/"), p.Name) {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc"}, name) {
				broken = append(broken, fmt.Sprintf("%s: %q says nothing about what is in it", p.Path, name))
			}
		}
	}
	return broken
}

// checkCycles looks at folders as a newcomer does: two that need each other,
// through different packages, are one.
func checkCycles(packages []Package) (broken []string) {
	needs := map[string][]string{}
	for _, p := range packages {
		from := folder(p.Path)
		for _, imported := range p.Imports {
			own, ok := Own(imported)
			if to := folder(own); ok && to != from && !slices.Contains(needs[from], to) {
				needs[from] = append(needs[from], to)
			}
		}
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var way []string
	var walk func(at string)
	walk = func(at string) {
		way = append(way, at)
		state[at] = visiting
		slices.Sort(needs[at])
		for _, to := range needs[at] {
			switch state[to] {
			case visiting:
				cycle := append(slices.Clone(way[slices.Index(way, to):]), to)
				broken = append(broken, fmt.Sprintf("cycle of folders: %s", strings.Join(cycle, " -> ")))
			case 0:
				walk(to)
			}
		}
		state[at] = done
		way = way[:len(way)-1]
	}
	var folders []string
	for f := range needs {
		folders = append(folders, f)
	}
	slices.Sort(folders)
	for _, f := range folders {
		if state[f] == 0 {
			walk(f)
		}
	}
	return broken
}
