#compdef authmesh
# Completes authmesh in zsh. In ~/.zshrc, after compinit: source <(authmesh completion zsh)
_authmesh() {
  local line=${(j: :)words[1,CURRENT]}
  local -a candidates=(${(f)"$(authmesh "[suggest:${#line}]" "$line" 2>/dev/null)"})
  [[ $words[CURRENT] == -* ]] || candidates=(${candidates:#[-/]*})
  compadd -- $candidates
}
compdef _authmesh authmesh
