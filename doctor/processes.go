package doctor

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// process is a program that runs.
type process struct {
	id    int
	name  string
	state byte // R, S, T for one that was stopped, Z for a dead one
}

func (p process) String() string { return fmt.Sprintf("%s (process %d)", p.name, p.id) }

// processes are those that /proc of Linux shows.
type processes struct {
	all    []process
	hidden bool // those of others are not shown
}

// running are the programs that run.
func (x *exam) running() *processes {
	if x.processes != nil {
		return x.processes
	}
	x.processes = &processes{}
	entries, _ := fs.ReadDir(x.files, "proc")
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// 12 (a name) S 1 ...: the name may have brackets in it.
		stat := x.read("proc/" + e.Name() + "/stat")
		from, to := strings.Index(stat, "("), strings.LastIndex(stat, ")")
		if from < 0 || to < from || len(stat) < to+3 {
			continue
		}
		x.processes.all = append(x.processes.all, process{id, stat[from+1 : to], stat[to+2]})
	}
	x.processes.hidden = !slices.ContainsFunc(x.processes.all, func(p process) bool { return p.id == 1 })
	return x.processes
}

// named are the programs of a name that are alive.
func (x *exam) named(name string) (found []process) {
	for _, p := range x.running().all {
		if p.name == name && p.state != 'Z' {
			found = append(found, p)
		}
	}
	return found
}

// holders are the programs that have a file open. all is false if those of others
// could not be looked at.
func (x *exam) holders(path string) (found []process, all bool) {
	r := x.running()
	all = !r.hidden
	for _, p := range r.all {
		if p.state == 'Z' {
			continue
		}
		folder := fmt.Sprintf("proc/%d/fd", p.id)
		open, err := fs.ReadDir(x.files, folder)
		if err != nil {
			all = all && !x.exists(folder)
			continue
		}
		for _, fd := range open {
			if to, err := fs.ReadLink(x.files, folder+"/"+fd.Name()); err == nil && to == path {
				found = append(found, p)
				break
			}
		}
	}
	return found, all
}

// using are the programs that have a library loaded.
func (x *exam) using(library string) (found []process) {
	for _, p := range x.running().all {
		if strings.Contains(x.read(fmt.Sprintf("proc/%d/maps", p.id)), "/"+library) {
			found = append(found, p)
		}
	}
	return found
}

// names are programs in words.
func names(list []process) string {
	const most = 4
	var all []string
	for _, p := range list[:min(len(list), most)] {
		all = append(all, p.String())
	}
	if more := len(list) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}
