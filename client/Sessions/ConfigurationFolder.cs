namespace AuthMesh.Client.Sessions;

internal static class ConfigurationFolder
{
    private const string Name = "authmesh";

    /// <summary>The folder as the help names it.</summary>
    public static string Shown => OperatingSystem.IsWindows() ? $@"%APPDATA%\{Name}" : $"$XDG_CONFIG_HOME/{Name} or ~/.config/{Name}";

    public static string Path()
    {
        var parent = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData)
            : UnixParent();
        return System.IO.Path.Combine(parent, Name);
    }

    private static string UnixParent()
    {
        if (Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { } folder && System.IO.Path.IsPathRooted(folder))
        {
            return folder; // the XDG specification requires ignoring relative paths
        }

        // HOME, or the home in the system's user database. A relative path, or none, would put the tokens into the current folder.
        // DoNotVerify: the client creates a folder that does not exist, but .NET would return an empty path for it.
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
        return System.IO.Path.IsPathRooted(home)
            ? System.IO.Path.Combine(home, ".config")
            : throw SessionFile.Unusable("HOME names no folder where tokens can be kept", SessionFile.ElsewhereHint);
    }
}
