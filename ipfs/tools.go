//go:build tools

// Package tools makes the module require the daemon that it pins.
package tools

import _ "github.com/ipfs/kubo/cmd/ipfs"
