package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// maxFile bounds what is read: a day of constant traffic is less.
const maxFile = 256 << 20

// ReadFile reads a recording of any format that Parse knows; "-" is standard
// input. A recording without an id gets the name of its file.
func ReadFile(name string) (*Recording, error) {
	var in io.Reader = os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("trace: %s: %w", name, err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("trace: %s: larger than %d MiB", name, maxFile>>20)
	}
	r, _, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("trace: %s: %w", name, err)
	}
	if r.ID == "" {
		r.ID = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	return r, nil
}

// Write writes the recording as FormatJSON or FormatLines, without the keys
// that came with it. The frames are written as they are: see Cut.
func (r *Recording) Write(w io.Writer, f Format) error {
	var b bytes.Buffer
	switch f {
	case FormatJSON:
		compact, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := json.Indent(&b, visible.JSON(compact), "", " "); err != nil {
			return err
		}
		b.WriteByte('\n')
	case FormatLines:
		r.lines(&b)
	default:
		return fmt.Errorf("trace: a %v can be read, not written", f)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// lines writes "> command" and "< answer".
func (r *Recording) lines(b *bytes.Buffer) {
	for _, comment := range [...]string{r.ID, r.Source} {
		if comment != "" {
			fmt.Fprintf(b, "# %s\n", visible.Text(strings.Join(strings.Fields(comment), " ")))
		}
	}
	for _, e := range r.Exchanges {
		if e.Reset {
			b.WriteString("# new activation\n")
		}
		fmt.Fprintf(b, "> %s%v\n", spaced(e.Command), e.CutCommand)
		if len(e.Response) > 0 {
			fmt.Fprintf(b, "< %s%v\n", spaced(e.Response), e.CutResponse)
		}
	}
}

// WriteFile writes the recording as Write does, atomically: name holds what it
// held before, or all of the recording. Only the owner may read it. A link stays
// one, and a device or a pipe is written to and not replaced.
func (r *Recording) WriteFile(name string, format Format) error {
	if err := wholefile.Write(name, ".trace-", func(w io.Writer) error { return r.Write(w, format) }); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	return nil
}
