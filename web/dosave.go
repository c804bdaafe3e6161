package web

import (
	"errors"
	"fmt"
	"net/http"
)

// saver is the result of a job of which something can be saved as a file.
type saver interface {
	// save is the file, by the name that its button has; nil bytes if there is none.
	save(as string) (name string, b []byte)
}

// doSave gives what a job found as a file.
func (s *Server) doSave(w http.ResponseWriter, r *http.Request) {
	j := s.jobs.find(r.FormValue("id"))
	if j == nil {
		notSaved(w, errors.New("this result is not known any more; do it again"))
		return
	}
	from, ok := j.view().Data.(saver)
	if !ok {
		notSaved(w, errors.New("this job has nothing to save"))
		return
	}
	name, b := from.save(r.FormValue("as"))
	if b == nil {
		notSaved(w, errors.New("this job has nothing to save"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fileName(name)))
	_, _ = w.Write(b)
}

func notSaved(w http.ResponseWriter, err error) {
	http.Error(w, upper(err.Error())+".", http.StatusNotFound)
}
