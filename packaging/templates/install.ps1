# Installs todo @VERSION@ for this user: todo, todo-up, todo-down and todo-status.
#
#   TODO_INSTALL_DIR  the directory; %LOCALAPPDATA%\Programs\todo if not set
#   TODO_DOWNLOAD     where the archive is; the release on GitHub if not set
$ErrorActionPreference = 'Stop'

function Install-Todo {
    $name = '@NAME@-@VERSION@-x86_64-pc-windows-msvc'
    $checksum = '@SHA256:x86_64-pc-windows-msvc@'
    $base = if ($env:TODO_DOWNLOAD) { $env:TODO_DOWNLOAD } else { '@BASE@' }
    $directory = if ($env:TODO_INSTALL_DIR) { $env:TODO_INSTALL_DIR } else { Join-Path $env:LOCALAPPDATA 'Programs\todo' }
    $temporary = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid().ToString())
    $null = New-Item -ItemType Directory -Path $temporary
    try {
        $archive = Join-Path $temporary 'todo.zip'
        # Windows PowerShell 5 offers TLS 1.0 first on older systems.
        [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
        Invoke-WebRequest -Uri "$base/$name.zip" -OutFile $archive -UseBasicParsing
        $found = (Get-FileHash -Path $archive -Algorithm SHA256).Hash
        if ($found -ne $checksum) {
            throw "$base/$name.zip has the checksum $found, not that of version @VERSION@"
        }
        Expand-Archive -Path $archive -DestinationPath $temporary
        $null = New-Item -ItemType Directory -Path $directory -Force
        Copy-Item -Path (Join-Path $temporary "$name\todo.exe") -Destination $directory -Force
    }
    finally {
        Remove-Item -Path $temporary -Recurse -Force
    }
    $program = Join-Path $directory 'todo.exe'
    $null = & $program applets --install $directory
    if ($LASTEXITCODE -ne 0) {
        throw "todo applets --install $directory failed"
    }
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    if (($path -split ';') -notcontains $directory) {
        [Environment]::SetEnvironmentVariable('Path', "$path;$directory".TrimStart(';'), 'User')
        Write-Output "added $directory to the user's PATH; open a new terminal"
    }
    Write-Output "installed $(& $program --version) in $directory"
}

Install-Todo
