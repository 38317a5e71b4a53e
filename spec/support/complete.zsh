# What zsh offers behind a line, one choice a line: `zsh -f complete.zsh FOLDER LINE`, where
# FOLDER is put into its fpath. A real shell on a terminal of its own gets the line and a key that
# completes; whatever completion functions add to the choices is printed.
zmodload zsh/zpty
export TERM=dumb
zpty shell zsh -f
cat > $1/offer.zsh <<'END'
autoload -Uz compinit && compinit -u -D
PS1=
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a found
  builtin compadd -A found "$@"
  builtin compadd "$@"
  (( $#found )) && print -rl -- OFFER:$^found
}
offer() { print; zle complete-word; print -r -- THE''END; }
zle -N offer
bindkey '^T' offer
print -r -- IS''READY
END
zpty -w shell "fpath=(${(q)1} \$fpath); source ${(q)1}/offer.zsh"
while zpty -r shell line && [[ $line != *ISREADY* ]]; do :; done
zpty -w -n shell "$2"$'\C-t'
while zpty -r shell line && [[ $line != *THEEND* ]]; do
  [[ $line == *OFFER:* ]] && print -r -- ${${line##*OFFER:}%%[$'\r\n']*}
done
zpty -d shell
