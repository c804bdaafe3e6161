package failure_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/go-desfire/desfire/internal/failure/failuretest"
)

func TestOf(t *testing.T) {
	for _, s := range failuretest.Samples() {
		if got := failure.Of(s.Err); got != s.Code {
			t.Errorf("%T: %q, want %q", s.Err, got, s.Code)
		}
	}
	if got := failure.Of(errors.New("anything")); got != failure.None {
		t.Errorf("any error: %q", got)
	}
	if got := failure.Of(&desfire.ProvisionError{State: desfire.ProvisionUndone}); got != failure.None {
		t.Errorf("a provisioning that was undone: %q", got)
	}
}

// quiet are the types that say nothing by themselves: what they wrap does, or nothing beyond that it did not work.
var quiet = []string{
	"desfire.FenceError", "desfire.GiveUp", "desfire.SkippedError",
	"keystore.AuditError", "perso.DiffersError", "perso.StepError", "yaml.MasterError", "place.SpecError",
	"purse.AttemptError", "purse.DidNotError", "purse.LimitError", "purse.TooLittleError", "purse.TypeError", "purse.UnknownIDError",
	"rekey.BudgetError", "rekey.UnchangedError", "rekey.UntoldError", "sdm.CoverageError", "trace.CutError", "trace.MismatchError",
	"wire.FormatError", "wire.Status",
}

// Every type of errors of the packages that it knows has a code, or is known to have none.
func TestEveryKind(t *testing.T) {
	known := slices.Clone(quiet)
	for _, s := range failuretest.Samples() {
		known = append(known, strings.TrimPrefix(fmt.Sprintf("%T", s.Err), "*"))
	}
	var found []string
	for _, dir := range []string{
		".", "internal/filelock", "internal/strictjson", "key", "keystore", "keystore/keyring", "ndef", "originality", "perso", "perso/yaml", "phone", "place", "purse",
		"purse/boltjournal", "rekey", "sdm", "selftest", "tmac", "trace", "unlock", "wire",
	} {
		found = append(found, errorTypes(t, filepath.Join("..", "..", filepath.FromSlash(dir)))...)
	}
	if len(found) < 60 {
		t.Fatalf("only %d types of errors", len(found))
	}
	for _, name := range found {
		if !slices.Contains(known, name) {
			t.Errorf("%s has no code: give it one in kinds.go, with a sample in failuretest, or put it down in quiet", name)
		}
	}
	for _, name := range quiet {
		if !slices.Contains(found, name) {
			t.Errorf("%s is quiet, and there is no such type", name)
		}
	}
}

// errorTypes are the exported types of a folder that are errors.
func errorTypes(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Error" {
				continue
			}
			of := fn.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if id, ok := of.(*ast.Ident); ok && id.IsExported() {
				names = append(names, f.Name.Name+"."+id.Name)
			}
		}
	}
	return names
}

// What is uncertain wins, and where a program has decided, nothing below has a say.
func TestTrees(t *testing.T) {
	own := func(err error) (failure.Code, bool) {
		if err == errDecided {
			return failure.Differs, false
		}
		var all *wholeError
		return failure.None, errors.As(err, &all) && err == error(all)
	}
	missing := &fs.PathError{Op: "open", Path: "x", Err: errors.New("gone")}
	unknown := &desfire.OutcomeUnknownError{Err: missing}
	for _, x := range []struct {
		err  error
		want failure.Code
	}{
		{nil, failure.None},
		{errors.New("anything"), failure.None},
		{fmt.Errorf("of x: %w", missing), failure.Input},
		{errors.Join(missing, unknown), failure.Unknown},
		{errors.Join(missing, errDecided), failure.Differs},
		{&wholeError{unknown}, failure.None},
		{errors.Join(&wholeError{unknown}, missing), failure.Input},
	} {
		if got := failure.Worst(failure.In(x.err, own)...); got != x.want {
			t.Errorf("%v: %q, want %q", x.err, got, x.want)
		}
	}
}

var errDecided = errors.New("decided")

type wholeError struct{ err error }

func (e *wholeError) Error() string { return e.err.Error() }
func (e *wholeError) Unwrap() error { return e.err }

func TestPrefixes(t *testing.T) {
	for text, want := range map[string]string{
		"desfire: ReadData: refused":          "ReadData: refused",
		"perso: layout: line 3: keyring: bad": "line 3: bad",
		"of a dump: it is cut":                "of a dump: it is cut",
		"a; purse: b\n(desfire: c)":           "a; b; (c)",
		"web: pcsc: gone":                     "web: pcsc: gone",
	} {
		if got := failure.NewPrefixes().Line(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := failure.NewPrefixes("web", "pcsc").Line("web: pcsc: gone"); got != "gone" {
		t.Errorf("more prefixes: %q", got)
	}
}
