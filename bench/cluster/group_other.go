//go:build !unix

package cluster

import "os/exec"

func ownGroup(*exec.Cmd) {}

func terminateGroup(*exec.Cmd) {} // its input has ended, which is enough

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }
