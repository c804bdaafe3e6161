package web

import (
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"strings"
	"time"
)

// timely is a body that has to come within a time. Once it has come, the time of
// reading is unbounded again: net/http goes on reading to notice that the other
// side leaves, and would take the end of the time for that.
type timely struct {
	io.ReadCloser
	control *http.ResponseController
}

func (t *timely) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err == io.EOF {
		_ = t.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// uploadName is the name of a file that was sent, without the folders that some
// browsers say.
func uploadName(h *multipart.FileHeader) string {
	return path.Base(strings.ReplaceAll(h.Filename, `\`, "/"))
}
