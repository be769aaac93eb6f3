# Completes authmesh in bash. In ~/.bashrc: source <(authmesh completion bash)
_authmesh() {
  local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]} candidates
  candidates=$(authmesh "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
  case $word in -*) ;; *) candidates=$(grep -v '^[-/]' <<<"$candidates") ;; esac
  COMPREPLY=($(compgen -W "$candidates" -- "$word"))
}
complete -F _authmesh authmesh
