using Microsoft.Extensions.Options;

namespace AuthMesh.Settings;

/// <summary>
/// Gathers everything that is wrong with one section, each with its full key and the cure. Written by hand rather than by
/// data annotations, whose texts name neither.
/// </summary>
public sealed class SettingProblems(string section)
{
    private readonly List<string> problems = [];

    /// <summary>Notes <paramref name="problem"/> for the setting <paramref name="key"/> unless it holds that all is well.</summary>
    /// <param name="isFine">Whether the setting is as it should be.</param>
    /// <param name="key">The key below the section.</param>
    /// <param name="problem">The bound and the cure; never a secret's value.</param>
    public void Unless(bool isFine, string key, string problem)
    {
        if (!isFine)
        {
            problems.Add($"{section}:{key} {problem}");
        }
    }

    /// <summary>What an <see cref="IValidateOptions{TOptions}"/> returns.</summary>
    public ValidateOptionsResult Result => problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
}
