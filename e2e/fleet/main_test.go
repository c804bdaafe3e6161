package fleet

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	soak = flag.Bool("soak", os.Getenv("DESFIRE_SOAK") != "", "the whole load, not a short form")
	seed = flag.Uint64("seed", 0, "of everything random; 0 draws one, which is printed")
)

// wait is longer than anything takes, on a loaded machine too.
const wait = 2 * time.Minute

// roleEnv makes the test's own program one of the others that are needed.
const roleEnv = "DESFIRE_FLEET_ROLE"

// roles are what the test's own program can be.
var roles = map[string]func(args []string) error{
	"nats":    natsNode,
	"journal": debitForEver,
	"centre":  centreNode,
}

// built has the programs that are tested, by name.
var built struct {
	mu   sync.Mutex
	dir  string
	have map[string]error
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1e9
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// program is the path of a program of the module, which is built once.
func program(t testing.TB, name string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "fleet-programs")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.have = dir, map[string]error{}
	}
	path := filepath.Join(built.dir, name)
	err, ok := built.have[name]
	if !ok {
		out, failed := exec.Command("go", "build", "-o", path, "../../cmd/"+name).CombinedOutput()
		if failed != nil {
			err = fmt.Errorf("go build cmd/%s: %w\n%s", name, failed, out)
		}
		built.have[name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
