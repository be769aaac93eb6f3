using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Applications;

/// <summary>The section <c>Identity:Applications</c>.</summary>
public sealed class ApplicationOptions
{
    /// <summary>
    /// A JSON file that declares applications: see <see cref="DeclaredFile"/>. It is read at the start. A relative path starts at the
    /// working directory. Unset, admins manage all applications.
    /// </summary>
    public string File { get; set; } = "";

    internal void Check(SettingProblems problems, TokenOptions tokens, BackchannelLogoutOptions logout, bool isDevelopment)
    {
        if (File.Length > 0)
        {
            foreach (var problem in ReadDeclarations.Read(File, tokens, isDevelopment, new LogoutNetworks(logout, isDevelopment)).Problems)
            {
                problems.Unless(false, "Applications:File", problem);
            }
        }
    }
}
