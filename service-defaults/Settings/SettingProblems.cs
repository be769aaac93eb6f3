using Microsoft.Extensions.Options;

namespace AuthMesh.Settings;

/// <summary>
/// Collects everything that is wrong with one section, each problem with its full key and the cure. It does not use data annotations,
/// because their texts name neither.
/// </summary>
public sealed class SettingProblems(string section)
{
    private readonly List<string> problems = [];

    /// <summary>Notes <paramref name="problem"/> for the setting <paramref name="key"/> unless <paramref name="isFine"/>.</summary>
    /// <param name="isFine">Whether the setting is valid.</param>
    /// <param name="key">The key below the section.</param>
    /// <param name="problem">The bound and the cure; never a secret's value.</param>
    public void Unless(bool isFine, string key, string problem)
    {
        if (!isFine)
        {
            problems.Add($"{section}:{key} {problem}");
        }
    }

    /// <summary>The result for an <see cref="IValidateOptions{TOptions}"/>.</summary>
    public ValidateOptionsResult Result => problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
}
