/** The shells that a script can be printed for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/**
 * What a shell runs once, and from then on asks `command`, this very installation, what fits: no script knows a command, an
 * option or a value, so that none can be out of date. What was typed reaches it as words, and is never run.
 */
export function completionScript(shell: Shell, command: readonly string[]): string {
  return scripts[shell](command.map(quoted).join(' '));
}

const scripts: Readonly<Record<Shell, (ask: string) => string>> = {
  // `:` and `=` end a word for bash: what comes before them stays on the line.
  bash: (ask) => `_cubeshift() {
  local typed=\${COMP_LINE:0:COMP_POINT} line full kept
  local -a words
  read -ra words <<< "$typed"
  [[ $typed == *[[:space:]] ]] && words+=('')
  full=\${words[-1]}
  kept=\${full%"\${full##*[:=]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then compopt -o default; return; fi
    line=\${line%%$'\\t'*}
    COMPREPLY+=("\${line#"$kept"}")
  done < <(${ask} "\${words[@]:1}" 2>/dev/null)
}
complete -F _cubeshift cubeshift`,
  zsh: (ask) => `#compdef cubeshift
_cubeshift() {
  local line
  local -a lines candidates
  lines=("\${(@f)$(${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${lines[1]} == :files ]]; then _files; return; fi
  for line in $lines; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( \${#candidates} )) && _describe cubeshift candidates
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -D; }
compdef _cubeshift cubeshift`,
  fish: (ask) => `function __cubeshift_complete
    set -l before (commandline -opc)
    set -l last (commandline -ct)
    set -l lines (${ask} $before[2..-1] "$last" 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path "$last"
    else
        string join \\n -- $lines
    end
end
complete -c cubeshift -f -a '(__cubeshift_complete)'`,
};

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
