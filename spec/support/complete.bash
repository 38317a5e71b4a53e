# What bash offers behind a line, one choice a line: `bash complete.bash SCRIPT LINE`. The line is
# parted into words as readline would part it: at blanks, and with `=` a word of its own.
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"${2//=/ = }"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
function_name=$(complete -p nightjar | sed 's/.*-F \([^ ]*\).*/\1/')
compopt() { :; } # works within readline only
"$function_name" nightjar "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
