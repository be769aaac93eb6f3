using System.Text;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Keys;

/// <summary>The settings of the <see cref="MasterKey"/>, directly in the section <c>Identity</c>.</summary>
public class MasterKeyOptions
{
    /// <summary>Base64 of 32 random bytes that seal the key ring. Alternative: <see cref="MasterKeyFile"/>.</summary>
    public string MasterKey { get; set; } = "";

    /// <summary>A file with the <see cref="MasterKey"/>.</summary>
    public string MasterKeyFile { get; set; } = "";

    /// <summary>
    /// The former master key, for keys that <c>reseal</c> has not reached yet. Alternative: <see cref="PreviousMasterKeyFile"/>.
    /// </summary>
    public string PreviousMasterKey { get; set; } = "";

    /// <summary>A file with the <see cref="PreviousMasterKey"/>.</summary>
    public string PreviousMasterKeyFile { get; set; } = "";

    internal void CheckMasterKeys(SettingProblems problems, bool isDevelopment)
    {
        CheckPrevious(problems);
        const string Key = nameof(MasterKey);
        if (Secret.TryRead(MasterKey, MasterKeyFile, Key, problems) is not { } text)
        {
            return;
        }

        var decoded = Keys.MasterKey.Decode(text);
        problems.Unless(decoded is not null, Key, "(or MasterKeyFile) must be base64 of 32 random bytes: openssl rand -base64 32.");
        problems.Unless(
            isDevelopment || decoded is null || !decoded.AsSpan().StartsWith(Encoding.ASCII.GetBytes(Secret.PresetPrefix)), Key,
            "is the preset one of the quick start, which is public. Make your own: openssl rand -base64 32.");
    }

    // The previous key may be the preset one: it seals nothing new, and an operator sets it to migrate away from it.
    private void CheckPrevious(SettingProblems problems)
    {
        const string Key = nameof(PreviousMasterKey);
        var text = Secret.TryRead(PreviousMasterKey, PreviousMasterKeyFile, Key, problems);
        var isUnset = PreviousMasterKey.Length == 0 && PreviousMasterKeyFile.Length == 0;
        problems.Unless(
            text is null || isUnset || Keys.MasterKey.Decode(text) is not null, Key,
            "(or PreviousMasterKeyFile) must be base64 of 32 bytes: the former master key. Leave it out if you have none.");
    }
}
