# Python environments of the project's own, below target/.

# make_environment FOLDER LIST: a virtual environment with the packages that a list names, made anew whenever the list
# is another. Where that cannot be, `reason` says why, and it returns 1.
make_environment() {
    local folder=$1 list=$2 copy
    # The list that an environment was made from lies in it, once it is whole.
    copy=$folder/$(basename "$list")
    cmp -s "$list" "$copy" && return
    rm -rf "$folder"
    if ! python3 -m venv "$folder" >/dev/null 2>&1 &&
        ! { install_package python3-venv && python3 -m venv --clear "$folder" >/dev/null; }; then
        reason="python3 cannot make a virtual environment (Debian has it in python3-venv)"
        return 1
    fi
    if ! "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$list"; then
        reason="pip could not install $(paste -sd' ' "$list")"
        return 1
    fi
    cp "$list" "$copy"
}
