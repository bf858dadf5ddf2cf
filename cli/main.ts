#!/usr/bin/env node
// The operator's command line.
